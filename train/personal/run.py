"""One run: checks, scores before, training, choice of the average, scores after, export."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import FORMS

from ..checkpoint import fresh_checkpoint, load_checkpoint, save_checkpoint
from ..data import Bank, BatchSource, Corpus
from ..memory import keep_freed_memory
from ..networks import DenoisingNetwork
from .checks import check_noise, check_voice, measure
from .material import Recordings
from .report import Comparison, describe, tell
from .scores import Scores, draw_mixtures, quality, score
from .tuning import (
    SHARES,
    Choice,
    Distilled,
    Tuner,
    average,
    choose,
    for_seconds,
    for_steps,
    has_bf16,
    other_mixtures,
    own_mixtures,
)

OWN_CLIPS, OTHERS_CLIPS = 8, 16  # mixtures to choose by; as many others to tell the result by
LEAST_OTHERS = -0.02  # quality that others may lose, in units of PESQ: not to be heard
LEAST_CHOSEN = -0.01  # the same for the choice: other clips will tell the result
LEAST_OWN = 0.02  # quality that the user must gain for a model to be worth a change
EXPORT_SECONDS = 25.0  # on two cores
LEAST_TRAINING = 20.0  # seconds
REPORTS = 10  # lines of progress


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the command line says: prefix, time.monotonic() of the end, steps instead, seed."""

    out: Path
    deadline: float
    steps: int | None = None
    seed: int = 0


def check(voice: Recordings, noise: Recordings, network: DenoisingNetwork, anyway: bool) -> None:
    """Print the figures of both recordings. Raises RtdenoiseError with all problems in one line.

    With `anyway`, problems that are doubtful are printed only.
    """
    problems: list[str] = []
    parts = ("--voice", voice, check_voice), ("--noise", noise, check_noise)
    for name, recordings, find in parts:
        figures = measure(recordings.audio, network)
        print(describe(name, recordings.seconds, figures), flush=True)
        for problem in find(recordings, figures):
            if anyway and problem.doubtful:
                print(f"{name} {problem.text}", flush=True)
            else:
                hint = " (or add --anyway)" if problem.doubtful else ""
                problems.append(f"{name} {problem.text}{hint}")
    if problems:
        raise RtdenoiseError("; ".join(problems))


class Run:
    """Fine-tunes `network`, which `checkpoint` holds, to a voice and a room."""

    def __init__(
        self,
        network: DenoisingNetwork,
        checkpoint: Path,
        voice: Recordings,
        noise: Recordings,
        settings: Settings,
        others: tuple[Corpus, Corpus] | None = None,
    ) -> None:
        self.network, self.checkpoint, self.settings = network, checkpoint, settings
        keep_freed_memory()
        parts = zip(voice.split(), noise.split(), strict=True)
        self.training, *apart = list(parts)  # then: to choose by, and to tell the result by
        self.replayed = others[0] if others else None
        sides: Sequence[tuple[Bank, Bank | None]] = [(speech, None) for speech, _ in apart]
        if others:
            sides = list(zip(halves(others[1].clean), halves(others[1].noise), strict=True))
        self.own = [draw_mixtures(*pair, OWN_CLIPS, settings.seed) for pair in apart]
        self.others = [draw_mixtures(*pair, OTHERS_CLIPS, settings.seed) for pair in sides]

    def all(self) -> Comparison:
        """Train, tell what it brought, and write the model if it is better."""
        started = time.monotonic()
        before = [[score(self.network, m) for m in side] for side in (self.own, self.others)]
        clips = sum(len(m) for side in (self.own, self.others) for m in side)
        each = (time.monotonic() - started) / clips
        tuned = self._train(each * (len(SHARES) + 1) * clips / 2)
        choice = self._choose(tuned, before)
        network = average(self.network, tuned, choice.share if choice else SHARES[0])
        result = Comparison(
            before=(before[0][1], before[1][1]),
            after=(score(network, self.own[1]), score(network, self.others[1])),
            share=choice.share if choice else 0.0,
            measured=self.replayed is not None,
        )
        reason = result.objection(LEAST_OWN, LEAST_OTHERS)
        written = [] if reason else self._write(network, result)
        print(tell(result, written, reason), flush=True)
        return result

    def _train(self, later: float) -> DenoisingNetwork:
        """Return the tuned network; `later` are the seconds that scores will take."""
        settings = self.settings
        bf16 = has_bf16()
        own = own_mixtures(*self.training, settings.seed)
        others = other_mixtures(self.training[0], self.replayed, settings.seed)
        sources: list[BatchSource] = [own, Distilled(others, self.network, bf16)]
        tuner = Tuner(self.network, sources, bf16, settings.seed)
        if settings.steps:
            progress = for_steps(settings.steps)
        else:
            left = settings.deadline - time.monotonic() - later - EXPORT_SECONDS
            if left < LEAST_TRAINING:
                raise RtdenoiseError(
                    f"--minutes leaves {max(0.0, left):.0f} s for training, at least "
                    f"{LEAST_TRAINING:.0f} s are needed: give more minutes"
                )
            print(f"training for {left / 60:.1f} minutes", flush=True)
            progress = for_seconds(left)
        told = 0

        def report(done: float) -> None:
            nonlocal told
            if done * REPORTS >= told + 1:
                told = int(done * REPORTS)
                print(f"training: {100 * told // REPORTS} %, step {tuner.step}", flush=True)

        tuner.run(progress, report)
        return tuner.network

    def _choose(self, tuned: DenoisingNetwork, before: list[list[Scores]]) -> Choice | None:
        tried = []
        for share in SHARES:
            network = average(self.network, tuned, share)
            gains = [
                quality(score(network, mixtures[0])) - quality(old[0])
                for mixtures, old in zip((self.own, self.others), before, strict=True)
            ]
            tried.append(Choice(share, *gains))
        return choose(tried, LEAST_CHOSEN)

    def _write(self, network: DenoisingNetwork, result: Comparison) -> list[Path]:
        """Write checkpoint and ONNX files once all of them are complete; return their paths."""
        out = self.settings.out
        saved = load_checkpoint(self.checkpoint)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
            checkpoint = Path(folder, f"{out.name}.pth")
            save_checkpoint(checkpoint, fresh_checkpoint(saved, network))
            # `export` stands above `train`, so it is looked up by name, as in train/__init__.py.
            export_forms = importlib.import_module("export.onnx_export").export_forms
            card = {
                "training_data": f"{self.checkpoint.name}, then one voice and one room",
                "metrics": result.metrics(),
            }
            with contextlib.redirect_stdout(io.StringIO()):  # the names of temporary files
                export_forms(checkpoint, checkpoint.with_suffix(""), list(FORMS), **card)
            found = sorted(Path(folder).iterdir())
            return [path.replace(out.parent / path.name) for path in found]


def halves(bank: Bank) -> tuple[Bank, Bank]:
    """Divide a bank by speaker, or by class of noise; both halves are all of it if there is one."""
    names = sorted({clip.speaker for clip in bank.clips})
    first, second = (
        Bank(bank.samples, [clip for clip in bank.clips if clip.speaker in side])
        for side in (set(names[::2]), set(names[1::2] or names))
    )
    return first, second
