"""Denoising of a stream, chunk by chunk, as calls, websockets and voice agents deliver it.

    chunk -> float32 -> processor -> the type of the chunk

`Denoiser.stream` makes a `DenoiseStream`.
"""

from __future__ import annotations

import asyncio
import math
import threading
import warnings
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple, TypeVar, get_args, overload

import numpy as np
from numpy.typing import NDArray

from .checks import NumberRange, check_switch
from .constants import SAMPLE_RATE
from .errors import InvalidValueError, RtdenoiseError
from .inference import SharedEngines, check_choice
from .processing import RATE, Processor, as_samples, from_float

Audio = NDArray[np.float32]
Sample = TypeVar("Sample", bound=np.generic)
Bytes = bytes | bytearray | memoryview
BYTES = get_args(Bytes)  # quicker to check than the union
ByteType = Literal["int16", "int32", "float32", "uint8"]
BYTE_TYPES = {"int16": "<i2", "int32": "<i4", "float32": "<f4", "uint8": "u1"}
USUAL_SECONDS = 0.02  # of a chunk: what the engine is fastest with, unless `block` is given
MAX_SECONDS = 0.25  # of a block for the processor, which splits longer chunks
BLOCK = NumberRange("a block", 1, 2**31 - 1, "frames")


class _Form(NamedTuple):
    """The form of a chunk, so that its output gets the same."""

    dtype: np.dtype[Any]
    flat: bool  # [frames] instead of [frames, channels]
    is_bytes: bool = False

    def restore(self, audio: Audio) -> Any:
        """Return [frames, channels] float32 in this form."""
        out = from_float(audio, self.dtype)
        if self.is_bytes:
            return out.tobytes()
        return np.ascontiguousarray(out[:, 0] if self.flat else out)


class DenoiseStream:
    """Denoises one stream in chunks of any length. Made by `Denoiser.stream`.

        >>> with Denoiser().stream(16_000) as stream:
        ...     for chunk in microphone:
        ...         play(stream.write(chunk))
        ...     play(stream.flush())

    A chunk is an array [frames] (mono) or [frames, channels] of floats or integers, or bytes of
    interleaved samples. The output has the type of the chunk and as many frames, `latency` frames
    late. `flush` returns the rest.

    Each thread may have its own stream; all streams of a `Denoiser` share its model. Calls of
    several threads to one stream run one after the other.
    """

    def __init__(
        self,
        processor: Processor,
        block: int = 1,
        dtype: ByteType = "int16",
        aligned: bool = False,
    ) -> None:
        """Use a prepared processor; see `Denoiser.stream` for the other parameters."""
        self._processor: Processor | None = processor
        self.sample_rate, self.channels = processor.sample_rate, processor.channels
        self._latency, self._block, self._aligned = processor.latency, block, aligned
        self._bytes_form = _Form(np.dtype(BYTE_TYPES[dtype]), flat=False, is_bytes=True)
        self._lock = threading.Lock()
        self._start()

    def _start(self) -> None:
        self._partial_frame = b""  # bytes that wait for the rest of their frame
        self._frames_to_drop = self._latency if self._aligned else 0
        self._last_form: _Form | None = None

    @property
    def latency(self) -> int:
        """Frames by which the output is later than the input."""
        return self._latency

    @property
    def latency_seconds(self) -> float:
        """`latency` in seconds."""
        return self._latency / self.sample_rate

    @property
    def mix(self) -> float:
        """Share of the denoised sound, 0 (unchanged) to 1; may change at any time."""
        return self._open().mix

    @mix.setter
    def mix(self, value: float) -> None:
        self._open().mix = value

    @property
    def attenuation_limit_db(self) -> float | None:
        """The most noise to remove, in dB; None for no limit. May change at any time."""
        return self._open().attenuation_limit_db

    @attenuation_limit_db.setter
    def attenuation_limit_db(self, value: float | None) -> None:
        self._open().attenuation_limit_db = value

    @property
    def gain_db(self) -> float:
        """Output gain in dB; may change at any time."""
        return self._open().gain_db

    @gain_db.setter
    def gain_db(self, value: float) -> None:
        self._open().gain_db = value

    @property
    def bypass(self) -> bool:
        """Whether the input is passed on, only later; switches without a click."""
        return self._open().bypass

    @bypass.setter
    def bypass(self, value: bool) -> None:
        self._open().bypass = value

    @overload
    def write(self, chunk: Bytes) -> bytes: ...
    @overload
    def write(self, chunk: NDArray[Sample]) -> NDArray[Sample]: ...
    def write(self, chunk: Bytes | NDArray[Any]) -> bytes | NDArray[Any]:
        """Denoise a chunk; return as many frames, in the type and shape of the chunk.

        Bytes may end within a frame: the rest of the frame comes with the next chunk. Raises
        RtdenoiseError for a wrong type or shape; the stream then continues as if there had been no
        such chunk.
        """
        with self._lock:
            processor = self._open()
            if isinstance(chunk, BYTES):
                samples, form = self._frames_of_bytes(chunk), self._bytes_form
            else:
                samples, form = self._frames_of_array(chunk)
            self._last_form = form
            return form.restore(self._drop_delay(processor.process_samples(samples)))

    def flush(self) -> Any:
        """Return the last `latency` frames, in the type of the last chunk, and start anew.

        If nothing was written, the output is empty. Warns if bytes ended within a frame.
        """
        with self._lock:
            processor, form, rest = self._open(), self._last_form, len(self._partial_frame)
            if form is None:
                return np.zeros((0, self.channels), np.float32)
            out = form.restore(self._drop_delay(processor.flush()))
            self._start()
        if rest:
            warnings.warn(f"the stream ended within a frame: {rest} bytes are lost", stacklevel=2)
        return out

    def reset(self) -> None:
        """Forget all audio, to start anew."""
        with self._lock:
            self._open().reset()
            self._start()

    @overload
    def iterate(self, chunks: Iterable[bytes]) -> Iterator[bytes]: ...
    @overload
    def iterate(self, chunks: Iterable[NDArray[Sample]]) -> Iterator[NDArray[Sample]]: ...
    @overload
    def iterate(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]: ...
    @overload
    def iterate(self, chunks: AsyncIterable[NDArray[Sample]]) -> AsyncIterator[NDArray[Sample]]: ...
    def iterate(self, chunks: Any) -> Any:
        """Yield the output of each chunk, and at the end what `flush` returns.

        Empty outputs are left out. Use `async for` if `chunks` is an asynchronous iterator; the
        network then runs in another thread, so that the event loop goes on.
        """
        if hasattr(chunks, "__aiter__"):
            return self._iterate_async(chunks)
        return self._iterate(chunks)

    def _iterate(self, chunks: Iterable[Any]) -> Iterator[Any]:
        for chunk in chunks:
            if len(out := self.write(chunk)):
                yield out
        if len(out := self.flush()):
            yield out

    async def _iterate_async(self, chunks: AsyncIterable[Any]) -> AsyncIterator[Any]:
        async for chunk in chunks:
            if len(out := await self.write_async(chunk)):
                yield out
        if len(out := await self.flush_async()):
            yield out

    @overload
    async def write_async(self, chunk: Bytes) -> bytes: ...
    @overload
    async def write_async(self, chunk: NDArray[Sample]) -> NDArray[Sample]: ...
    async def write_async(self, chunk: Any) -> Any:
        """Do as `write`, in another thread. Await each call before the next one."""
        return await asyncio.to_thread(self.write, chunk)

    async def flush_async(self) -> Any:
        """Do as `flush`, in another thread."""
        return await asyncio.to_thread(self.flush)

    def close(self) -> None:
        """Free the stream's memory. A closed stream raises RtdenoiseError when it is used."""
        with self._lock:
            self._processor = None

    def __enter__(self) -> DenoiseStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> Processor:
        if self._processor is None:
            raise RtdenoiseError("the stream is closed: make another one with Denoiser.stream()")
        return self._processor

    def _frames_of_bytes(self, chunk: Bytes) -> NDArray[Any]:
        """Return the whole frames in bytes as [frames, channels]; keep the rest for later."""
        joined = self._partial_frame + bytes(chunk) if self._partial_frame else bytes(chunk)
        dtype = self._bytes_form.dtype
        frames, rest = divmod(len(joined), self.channels * dtype.itemsize)
        self._check_block(frames)
        self._partial_frame = joined[len(joined) - rest :]
        samples = np.frombuffer(joined, dtype, frames * self.channels)
        return samples.reshape(-1, self.channels)

    def _frames_of_array(self, chunk: object) -> tuple[NDArray[Any], _Form]:
        if self._partial_frame:
            raise InvalidValueError(
                "the bytes before ended within a frame: send its rest as bytes, or call reset(), "
                "before an array"
            )
        samples = as_samples(chunk, "the chunk")
        frames = samples[:, None] if samples.ndim == self.channels == 1 else samples
        if frames.ndim != 2 or frames.shape[1] != self.channels:
            raise InvalidValueError(self._shape_advice(samples.shape))
        self._check_block(len(frames))
        return frames, _Form(samples.dtype, flat=samples.ndim == 1)

    def _check_block(self, frames: int) -> None:
        if frames % self._block:
            raise InvalidValueError(
                f"a chunk of {frames} frames is not valid: the stream was made for multiples of "
                f"block={self._block}"
            )

    def _shape_advice(self, shape: tuple[int, ...]) -> str:
        text = f"a chunk of shape {shape} is not valid: use (frames, {self.channels})"
        if self.channels == 1:
            return f"{text} or (frames,)"
        if len(shape) == 2 and shape[0] == self.channels:
            return f"{text}, which chunk.T has"
        return f"{text}; for interleaved samples, chunk.reshape(-1, {self.channels}) has it"

    def _drop_delay(self, out: Audio) -> Audio:
        dropped = min(self._frames_to_drop, len(out))
        self._frames_to_drop -= dropped
        return out[dropped:]


def open_stream(
    engines: SharedEngines,
    apply_settings: Callable[[Processor], None],
    sample_rate: float,
    channels: int,
    block: int | None,
    dtype: ByteType,
    aligned: bool,
    low_latency: bool,
) -> DenoiseStream:
    """Return a stream; `Denoiser.stream` describes the parameters. Raises RtdenoiseError."""
    rate = RATE.check_whole(sample_rate)
    block = None if block is None else BLOCK.check_whole(block)
    aligned = check_switch("aligned", aligned)
    low_latency = check_switch("low_latency", low_latency)
    check_choice("sample type of bytes", dtype, tuple(BYTE_TYPES))
    card = engines.model.card
    whole_hops = (
        block is not None
        and rate == SAMPLE_RATE
        and card.form == "stream"
        and block % card.hop == card.lookahead % card.hop == 0
    )
    usual = USUAL_SECONDS if block is None else min(block / rate, MAX_SECONDS)
    processor = Processor(lambda count: engines.make(count, usual * SAMPLE_RATE))
    apply_settings(processor)
    longest = math.ceil(MAX_SECONDS * rate / card.hop) * card.hop
    processor.prepare(rate, channels, longest, whole_hops, low_latency)
    return DenoiseStream(processor, block or 1, dtype, aligned)
