"""Progress of a training run: a bar or plain lines, and TensorBoard logs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from .config import TrainConfig

PRINT_EVERY = 50  # steps between plain lines


class Progress:
    """Reports loss, learning rate, audio-seconds per second, and time outside the network."""

    def __init__(self, config: TrainConfig, total: int) -> None:
        self._total, self._audio, self._elapsed, self._inside = total, 0.0, 0.0, 0.0
        self._loss, self._count = 0.0, 0
        self._writer: Any = None
        self._bar: Any = None
        if config.tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(Path(config.checkpoints, "tensorboard")))
        if sys.stderr.isatty():
            self._open_bar()

    def _open_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar
        from rich.progress import TimeRemainingColumn as Remaining

        text = TextColumn("{task.description}")
        self._bar = Bar(
            text, BarColumn(), MofNCompleteColumn(), Remaining(), console=Console(stderr=True)
        )
        self._task = self._bar.add_task("training", total=self._total)
        self._bar.start()

    def step(
        self, step: int, loss: float, rate: float, audio: float, elapsed: float, inside: float
    ) -> None:
        """Count a step: `audio` seconds in `elapsed` seconds, `inside` of them in the network."""
        self._audio, self._elapsed = self._audio + audio, self._elapsed + elapsed
        self._inside, self._loss, self._count = (
            self._inside + inside,
            self._loss + loss,
            self._count + 1,
        )
        if self._writer:
            self._writer.add_scalar("loss/training", loss, step)
            self._writer.add_scalar("learning_rate", rate, step)
        speed, outside = self._audio / self._elapsed, 1 - self._inside / self._elapsed
        text = (
            f"loss {self._loss / self._count:.4f}  lr {rate:.2e}  {speed:.1f} audio-s/s  "
            f"{outside:.0%} outside the network"
        )
        if self._bar:
            self._bar.update(self._task, completed=step, description=text)
        elif step % PRINT_EVERY == 0:
            print(f"step {step}/{self._total}  {text}", flush=True)
            self._audio = self._elapsed = self._inside = self._loss = self._count = 0

    def epoch(self, step: int, loss: float, metrics: dict[str, float]) -> None:
        """Report a validation."""
        if self._writer:
            for name, value in {"loss/validation": loss, **metrics}.items():
                self._writer.add_scalar(name, value, step)
            self._writer.flush()
        extra = "".join(f"  {name} {value:.3f}" for name, value in metrics.items())
        line = f"step {step}  validation loss {loss:.4f}{extra}"
        target: Any = self._bar.console.print if self._bar else print
        target(line)

    def close(self) -> None:
        """End the bar and the logs."""
        if self._bar:
            self._bar.stop()
        if self._writer:
            self._writer.close()


class NoProgress:
    """Reports nothing, for processes of torchrun other than the main one."""

    def step(self, *_: object) -> None:
        """Report nothing."""

    def epoch(self, *_: object) -> None:
        """Report nothing."""

    def close(self) -> None:
        """Do nothing."""
