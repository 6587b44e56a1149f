"""Samples of any NumPy type as float32 and back, and the mending of samples that are no audio.

Full scale is 1.0 for floating-point types. Integers have the scale of the same type in a WAV file:
int16 runs from -32768 to 32767, and uint8 from 0 to 255 with silence at 128.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..constants import MAX_CHANNELS
from ..errors import InvalidTypeError, InvalidValueError

Audio = NDArray[np.float32]
INTEGERS = ("int8", "uint8", "int16", "int32")
# Beyond this a sample is no audio (+200 dBFS), and its square is near the end of float32.
MAX_MAGNITUDE = np.float32(1e10)
MAX_ENERGY = MAX_MAGNITUDE**2
CHUNK = 10_000  # samples; numpy's products of longer vectors may use several threads


def as_samples(audio: object, what: str) -> NDArray[Any]:
    """Return `audio` as an array of samples. Raises RtdenoiseError if its type is not supported.

    `what` names it in messages, such as "the audio".
    """
    if np.ma.is_masked(audio):
        raise InvalidTypeError(f"{what} is a masked array: fill it first, as with audio.filled(0)")
    if isinstance(audio, (bytes, bytearray)) or (
        isinstance(audio, memoryview) and audio.format in ("B", "b", "c")
    ):
        raise InvalidTypeError(
            f"{what} is raw bytes, which do not tell their type: use np.frombuffer(audio, np.int16)"
        )
    try:
        array = np.asarray(audio)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, tensors with gradients
        reason = " ".join(str(error).split())[:100]
        raise InvalidTypeError(
            f"{what} is no array of numbers ({reason}): use a NumPy array"
        ) from error
    if array.dtype.kind != "f" and array.dtype.name not in INTEGERS:
        raise InvalidTypeError(
            f"{what} has the type {array.dtype.name}, which has no usual full scale for audio: "
            "convert it to float32 (full scale 1.0), int16, int32 or uint8"
        )
    return array


def as_frames(audio: NDArray[Any], channels_first: bool) -> NDArray[Any]:
    """Return the audio as [frames, channels]. Raises RtdenoiseError on other shapes."""
    if audio.ndim == 1:
        return audio[:, None]
    if audio.ndim != 2:
        raise InvalidValueError(
            f"audio of shape {audio.shape} is not valid: use (frames,) or (frames, channels)"
        )
    frames = audio.T if channels_first else audio
    if frames.shape[1] > MAX_CHANNELS:
        order, way = ("(frames, channels)", "channels_first=True")
        if channels_first:
            order, way = ("(channels, frames) with channels_first=True", "channels_first=False")
        raise InvalidValueError(
            f"audio of shape {audio.shape} has {frames.shape[1]} channels, but at most "
            f"{MAX_CHANNELS} are supported: the shape is {order}; for the other order use {way}"
        )
    if not frames.shape[1]:
        raise InvalidValueError(f"audio of shape {audio.shape} has no channels: use 1 to 8")
    return frames


def to_float(audio: NDArray[Any]) -> Audio:
    """Return samples of any supported type as float32 with full scale 1.0."""
    if audio.dtype == np.float32:
        return audio
    if audio.dtype.kind == "f":
        with np.errstate(over="ignore"):  # beyond float32 means infinite, which `mend` finds
            return np.asarray(audio, np.float32)
    scale = _SCALES[audio.dtype.str[1:]]
    out = audio.astype(np.float32)  # faster than a product that converts
    if scale.zero:
        out -= np.float32(scale.zero)
    out *= scale.step
    return out


def from_float(audio: Audio, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return float32 samples in the type `dtype`, rounded and limited to its range."""
    if dtype == np.float32:
        return audio
    if dtype.kind == "f":
        largest = float(np.finfo(dtype).max)
        if largest < float(np.finfo(np.float32).max):
            audio = np.clip(audio, -largest, largest)
        return audio.astype(dtype, copy=False)
    scale = _SCALES[dtype.str[1:]]
    scaled = audio * scale.full
    np.rint(scaled, out=scaled)
    if scale.zero:
        scaled += scale.zero
    np.maximum(scaled, scale.low, out=scaled)
    np.minimum(scaled, scale.high, out=scaled)
    return scaled.astype(dtype)


class _Scale(NamedTuple):
    """The scale of an integer type, in a floating-point type that can hold its values."""

    full: np.floating[Any]  # scale
    zero: np.floating[Any]  # silence
    low: np.floating[Any]
    high: np.floating[Any]
    step: np.float32  # 1 / full scale: a power of two, so products are exact


def _scale_of(dtype: np.dtype[Any]) -> _Scale:
    wide = np.float32 if dtype.itemsize <= 2 else np.float64
    limits, full = np.iinfo(dtype), 1 << (8 * dtype.itemsize - 1)
    zero = full if dtype.kind == "u" else 0
    low, high = wide(limits.min), wide(limits.max)
    return _Scale(wide(full), wide(zero), low, high, np.float32(1 / full))


# By "i2", "u1" and so on, because the hash of a type takes longer than the conversion of a chunk.
_SCALES = {np.dtype(name).str[1:]: _scale_of(np.dtype(name)) for name in INTEGERS}


def mend(audio: Audio) -> tuple[Audio, int]:
    """Return `audio` with NaN, infinite and far too large samples set to zero, and their number."""
    # One such sample makes the energy too large or NaN, and the energy of a chunk costs little.
    if audio.size <= CHUNK and np.vdot(audio, audio) <= MAX_ENERGY:
        return audio, 0
    good = np.abs(audio) <= MAX_MAGNITUDE
    count = good.size - int(np.count_nonzero(good))
    return (np.where(good, audio, np.float32(0)), count) if count else (audio, 0)
