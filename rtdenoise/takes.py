"""`--record`: the noisy and the denoised take of a live session, written by a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from .card import SAMPLE_RATE
from .errors import RtdenoiseError

Audio = NDArray[np.float32]


class Takes:
    """Writes noisy-TIME.wav and denoised-TIME.wav, 24 bit; both start at the same sample."""

    def __init__(self, folder: Path) -> None:
        """Open both files. Raises RtdenoiseError where the folder cannot be written."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        self.paths = [folder / f"{kind}-{stamp}.wav" for kind in ("noisy", "denoised")]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._files = [sf.SoundFile(p, "w", SAMPLE_RATE, 1, "PCM_24") for p in self.paths]
        except (OSError, sf.SoundFileError) as error:
            raise RtdenoiseError(
                f"{folder} cannot be written ({error}): choose another folder for --record"
            ) from error
        self.problem = ""
        self._queue: queue.SimpleQueue[tuple[Audio, Audio] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="rtdenoise takes", daemon=True)
        self._thread.start()

    def add(self, noisy: Audio, denoised: Audio) -> None:
        """Queue a block of each; never waits for the disk."""
        self._queue.put((noisy.copy(), denoised.copy()))

    def close(self) -> None:
        """Write what is queued and close; a WAV header holds its length from here on."""
        self._queue.put(None)
        self._thread.join(timeout=10)

    def discard(self) -> None:
        """Close, and leave nothing behind."""
        self.close()
        for path in self.paths:
            path.unlink(missing_ok=True)

    def _run(self) -> None:
        with self._files[0], self._files[1]:
            while (blocks := self._queue.get()) is not None:
                if self.problem:
                    continue
                try:
                    for file, block in zip(self._files, blocks, strict=True):
                        file.write(block)
                except (OSError, sf.SoundFileError) as error:
                    self.problem = f"recording stopped ({error}): free some disk space"
