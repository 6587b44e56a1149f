"""Reads stdin, named pipes and process substitutions: `-`, `/dev/stdin`, `<(...)`, a FIFO.

PCM in WAV is read as it comes, however long it is. Other formats cannot be read without going back
and forth, so the pipe is first copied into a temporary file.

    pipe --thread--> os.pipe --> libsndfile

libsndfile waits for data without noticing signals. So a thread waits instead: it closes its end of
the second pipe when a signal arrives, and Ctrl-C works while nothing comes.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import tempfile
import threading
from pathlib import Path

from ..errors import RtdenoiseError
from .paths import PIPE, standard_stream

CHUNK = 1 << 16  # bytes
MAX_HEADER = 1 << 20  # bytes; where a WAV header is longer, the pipe is copied
PCM_TAGS = (1, 3)  # integers and floats
EXTENSIBLE = 0xFFFE
UNKNOWN_SIZE = b"\xff\xff\xff\xff"
CLOSE = b"\0"
ENDING_SIGNALS = {getattr(signal, n, None) for n in ("SIGINT", "SIGTERM", "SIGHUP")}


class PipeSource:
    """An open pipe: a WAV stream for `AudioReader`, or a temporary copy of another format."""

    def __init__(self, path: Path) -> None:
        """Open a pipe and wait for its first bytes. Raises RtdenoiseError if it is empty."""
        self.path, self.interrupted = path, False
        self.copy: Path | None = None
        self.descriptor = -1  # of the WAV stream, if there is no copy
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._thread: threading.Thread | None = None
        self._previous_wakeup: int | None = None
        self._opened: list[int] = []
        self._source = self._open()
        try:
            head, streams = self._read_head()
            if not head:
                raise RtdenoiseError(f"{path} is empty: nothing came through the pipe")
            if streams:
                self.descriptor = self._start_thread(head)
            else:
                self.copy = self._copy(head)
        except BaseException:
            self.close()
            raise

    def _open(self) -> int:
        if self.path != PIPE:
            descriptor = os.open(self.path, os.O_RDONLY)  # waits for the writing program
            self._opened.append(descriptor)
            return descriptor
        descriptor = standard_stream("stdin")
        if os.isatty(descriptor):
            raise RtdenoiseError("stdin is a terminal: give a file name, or pipe audio to it")
        return descriptor

    def _read_head(self) -> tuple[bytes, bool]:
        """Return the first bytes, and whether they begin a WAV file of PCM."""
        head = b""
        while (streams := _streams(head)) is None:
            chunk = os.read(self._source, CHUNK)
            if not chunk:
                return head, False
            head += chunk
        return _with_length(head) if streams else head, streams

    def _copy(self, head: bytes) -> Path:
        self._folder = tempfile.TemporaryDirectory(prefix="rtdenoise")
        copy = Path(self._folder.name, "stdin" if self.path == PIPE else self.path.name)
        try:
            with open(copy, "wb") as file:
                file.write(head)
                while chunk := os.read(self._source, CHUNK):
                    file.write(chunk)
        except OSError as error:
            raise RtdenoiseError(
                f"{self.path} could not be copied into {tempfile.gettempdir()} ({error.strerror}): "
                "free some disk space there, or set TMPDIR to another folder"
            ) from error
        return copy

    def _start_thread(self, head: bytes) -> int:
        """Copy the pipe into a second one from now on; return the descriptor to read from."""
        descriptor, into = os.pipe()
        self._opened.append(descriptor)
        if os.name == "nt":  # has no poll, and a read is not interrupted
            wake = None
        else:
            wake, self._wake = os.pipe()
            self._opened += [wake, self._wake]
            os.set_blocking(self._wake, False)
            if threading.current_thread() is threading.main_thread():
                self._previous_wakeup = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._pump, args=(head, into, wake), daemon=True)
        self._thread.start()
        return descriptor

    def _pump(self, head: bytes, into: int, wake: int | None) -> None:
        try:
            _write_all(into, head)
            while not self._is_woken(wake) and (chunk := os.read(self._source, CHUNK)):
                _write_all(into, chunk)
        except OSError:  # the reading end is closed, or the source has failed
            pass
        finally:
            os.close(into)

    def _is_woken(self, wake: int | None) -> bool:
        """Wait for data; return whether a signal that ends the program, or `close`, came first."""
        if wake is None:
            return False
        poll = select.poll()
        for descriptor in (self._source, wake):
            poll.register(descriptor, select.POLLIN)
        while wake in dict(poll.poll()):
            numbers = set(os.read(wake, 64))
            if numbers & ENDING_SIGNALS:
                self.interrupted = True
            if self.interrupted or CLOSE[0] in numbers:
                return True
        return False

    def close(self) -> None:
        """End the thread, close what was opened here, and remove the copy."""
        if self._previous_wakeup is not None:
            signal.set_wakeup_fd(self._previous_wakeup)
            self._previous_wakeup = None
        if self._thread and os.name != "nt":
            os.close(self.descriptor)  # a thread that is writing ends by this,
            self._opened.remove(self.descriptor)
            os.write(self._wake, CLOSE)  # one that is waiting by this
            self._thread.join()
            self._thread = None
        while self._opened:
            os.close(self._opened.pop())
        if self._folder:
            self._folder.cleanup()


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _chunks(head: bytes) -> list[tuple[bytes, int, int]]:
    """Return name, size and start of each RIFF chunk that begins in `head`."""
    found, start = [], 12
    while start + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, start)
        found.append((name, size, start + 8))
        start += 8 + size + size % 2
    return found


def _streams(head: bytes) -> bool | None:
    """Return whether `head` begins a WAV file of PCM; None if it is too short to tell."""
    if not (b"RIFF".startswith(head[:4]) and b"WAVE".startswith(head[8:12])):
        return False
    for name, size, start in _chunks(head):
        if name == b"data":
            return False  # before any format
        if name == b"fmt ":
            if len(head) < start + size:
                break
            tag = struct.unpack_from("<H", head, start)[0]
            if tag == EXTENSIBLE and size >= 26:
                tag = struct.unpack_from("<H", head, start + 24)[0]
            if tag not in PCM_TAGS:
                return False
            if any(name == b"data" for name, *_ in _chunks(head)):
                return True
    return None if len(head) < MAX_HEADER else False


def _with_length(head: bytes) -> bytes:
    """Replace a data size of 0, which a recorder writes that never came to its end."""
    for name, size, start in _chunks(head):
        if name == b"data" and size == 0:
            return head[: start - 4] + UNKNOWN_SIZE + head[start:]
    return head
