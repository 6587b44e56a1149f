"""`--record`: the noisy and the denoised audio of a session, written by a thread of its own."""

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
MAX_FRAMES = 4 * 3600 * SAMPLE_RATE  # of a file: WAV is limited to 4 GB


class Recorder:
    """Writes noisy-TIME.wav and denoised-TIME.wav, 24 bit; both start at the same sample.

    Every four hours a new pair of files begins.
    """

    def __init__(self, folder: Path) -> None:
        """Open both files. Raises RtdenoiseError if the folder is not writable."""
        self.paths: list[Path] = []
        self._folder, self._frames = folder, 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._open_files()
        except (OSError, sf.SoundFileError) as error:
            raise RtdenoiseError(
                f"cannot write to {folder} ({error}): choose another folder for --record"
            ) from error
        self.problem = ""  # why recording stopped, if it did
        self._queue: queue.SimpleQueue[tuple[Audio, Audio] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="rtdenoise recorder", daemon=True)
        self._thread.start()

    def add(self, noisy: Audio, denoised: Audio) -> None:
        """Queue a block [frames, 1] of each; never waits for the disk."""
        self._queue.put((noisy.copy(), denoised.copy()))

    def close(self) -> None:
        """Write everything queued and close the files."""
        self._queue.put(None)
        self._thread.join(timeout=10)

    def discard(self) -> None:
        """Close and delete the files."""
        self.close()
        for path in self.paths:
            path.unlink(missing_ok=True)

    def _open_files(self) -> None:
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
        if self._frames >= MAX_FRAMES:
            self._close_files()
            self._open_files()
            self._frames = 0
        for file, block in zip(self._files, blocks, strict=True):
            file.write(block)
        self._frames += len(blocks[0])

    def _close_files(self) -> None:
        for file in self._files:
            file.close()
