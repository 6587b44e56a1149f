"""`--record`: the noisy and the denoised take of a live session, written by a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from ..errors import RtdenoiseError

Audio = NDArray[np.float32]
LONGEST = 4 * 3600 * SAMPLE_RATE  # frames of a file


class Takes:
    """Writes noisy-TIME.wav and denoised-TIME.wav, 24 bit; both start at the same sample.

    A new pair begins every four hours: a WAV file ends at 4 GB.
    """

    def __init__(self, folder: Path) -> None:
        """Open both files. Raises RtdenoiseError where the folder cannot be written."""
        self.paths: list[Path] = []
        self._folder, self._frames = folder, 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._open()
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

    def _open(self) -> None:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        paths = [self._folder / f"{kind}-{stamp}.wav" for kind in ("noisy", "denoised")]
        self._files = [sf.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_24") for path in paths]
        self.paths += paths

    def _run(self) -> None:
        while (blocks := self._queue.get()) is not None:
            if self.problem:
                continue
            try:
                self._write(blocks)
            except (OSError, sf.SoundFileError) as error:
                self.problem = f"recording stopped ({error}): free some disk space"
        self._close_files()

    def _write(self, blocks: tuple[Audio, Audio]) -> None:
        if self._frames >= LONGEST:
            self._close_files()
            self._open()
            self._frames = 0
        for file, block in zip(self._files, blocks, strict=True):
            file.write(block)
        self._frames += len(blocks[0])

    def _close_files(self) -> None:
        for file in self._files:
            file.close()
