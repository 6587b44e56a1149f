"""The processor: adapts any block size, sample rate and channel count to an engine.

block -> [48 kHz] -> whole hops -> engine -> [host rate] -> FIFO --+-> mix, limit -> gain -> out
  \\____________________ dry path, delayed by `latency` ____________/
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import OptionalSetting, Setting, check_switch
from ..constants import SAMPLE_RATE
from ..errors import InvalidValueError, RtdenoiseError
from ..inference import Engine
from .fir_resampler import FirResampler
from .resampler import AudioFifo, Resampler
from .samples import as_samples, from_float, mend, to_float
from .settings import ATTENUATION_LIMIT, BLOCK, CHANNELS, GAIN, MIX, RATE

Audio = NDArray[np.float32]
RAMP_SECONDS = 0.02  # time in which a parameter moves over its whole range, without clicks
MAX_ALIGNMENT_PERIOD = 4800  # samples at 48 kHz; with a longer period the delay keeps a fraction
LAG_SECONDS = 8  # of silence, for the lags of the resamplers
SETTLED = 3000  # frames, after which any resampler of soxr has begun to return


def _is_periodic(values: NDArray[Any]) -> bool:
    """Return whether the values repeat twice and more."""
    half = len(values) // 2
    starts = np.flatnonzero(values[: half + 1] == values[0])[1:]
    return any(np.array_equal(values[start:], values[:-start]) for start in starts)


@functools.cache  # it takes a tenth of a second
def _measure_lag(rate: int, hop: int, start: int) -> int:
    """Return the most frames by which the output falls behind, with blocks of any lengths.

    `start` frames of padding stand before the engine's output. How much soxr has returned depends
    only on how much it got in all. So the output is furthest behind just before the resampler of
    the input returns frames again.
    """
    step = max(1, rate // 1000)  # frames
    settled, total = max(rate, SETTLED), max(LAG_SECONDS * rate, 3 * SETTLED)
    first, second = Resampler(rate, SAMPLE_RATE, 1), Resampler(SAMPLE_RATE, rate, 1)
    silence = np.zeros((max(step, hop, start), 1), np.float32)
    counts = [len(first.process(silence[:step])) for _ in range(total // step)]
    hops = np.cumsum([0, *counts]) // hop
    counts = [len(second.process(silence[:start]))]
    counts += [len(second.process(silence[:hop])) for _ in range(hops[-1])]
    available = np.cumsum(counts)  # frames, by the number of hops
    last = step * np.arange(1, len(hops) + 1) - 1  # the last frame before the next step
    lags = last - available[hops]
    if _is_periodic(lags[settled // step :]):
        return int(np.max(lags))
    # Hops and both resamplers will meet in other ways: the worst moments of all at once.
    fed = hop * rate / SAMPLE_RATE * np.arange(len(available))  # frames
    return math.ceil(np.max(last - fed[hops]) + np.max(fed - available)) + 1


@functools.lru_cache(maxsize=64)  # a block costs half a millisecond, and this is asked for each
def _weight_and_gain(
    mix: float, limit: float | None, bypass: bool, gain_db: float
) -> tuple[float, float]:
    """Return the weight of the dry path and the output gain."""
    kept = 0.0 if limit is None else 10 ** (-limit / 20)
    dry = 1.0 - mix * (1.0 - kept)
    return (1.0 if bypass else dry), 10 ** (gain_db / 20)


class Processor:
    """Denoises blocks of any size, `latency` frames late, like an audio plugin.

    Parameters may change at any time and are smoothed: `mix` (0 dry .. 1 denoised),
    `attenuation_limit_db` (the most noise to remove; None for no limit), `bypass`, and `gain_db`
    (output). A value that is not allowed raises RtdenoiseError and changes nothing.

    Every sample that leaves is finite. `nonfinite` counts input samples that were NaN, infinite or
    beyond 1e10, and `nonfinite_output` those that the network returned; both are set to zero.
    """

    mix = Setting(MIX)
    attenuation_limit_db = OptionalSetting(ATTENUATION_LIMIT)
    gain_db = Setting(GAIN)

    def __init__(self, engine: Callable[[int], Engine]) -> None:
        """`engine` returns an engine for a number of channels."""
        self._factory = engine
        self.mix, self.gain_db, self.bypass = 1.0, 0.0, False
        self.attenuation_limit_db = None
        self.nonfinite, self.nonfinite_output = 0, 0
        self.max_block = 0  # until `prepare`

    @property
    def bypass(self) -> bool:
        """Whether the input is passed on, only delayed."""
        return self._bypass

    @bypass.setter
    def bypass(self, value: object) -> None:
        self._bypass = check_switch("bypass", value)

    def prepare(
        self,
        sample_rate: float,
        channels: int,
        max_block: int,
        whole_hops: bool = False,
        low_latency: bool = False,
    ) -> None:
        """Set up for a rate in Hz, 1..8 channels, and blocks of up to `max_block` frames.

        `whole_hops` promises blocks of whole engine hops at 48 kHz, which need no buffering.
        `low_latency` resamples with a short filter where the rate allows it.
        Raises RtdenoiseError on values that are not allowed.
        """
        sample_rate, channels = RATE.check_whole(sample_rate), CHANNELS.check_whole(channels)
        max_block = BLOCK.check_whole(max_block)
        whole_hops = check_switch("whole_hops", whole_hops)
        low_latency = check_switch("low_latency", low_latency)
        self.sample_rate, self.channels, self.max_block = sample_rate, channels, max_block
        self._dtype: np.dtype[Any] = np.dtype(np.float32)  # of the last block
        self.engine = self._factory(channels)
        short = low_latency and FirResampler.is_suitable(sample_rate, SAMPLE_RATE)
        make = FirResampler if short else Resampler
        self._in = make(sample_rate, SAMPLE_RATE, channels)
        self._out = make(SAMPLE_RATE, sample_rate, channels)
        period = SAMPLE_RATE // math.gcd(sample_rate, SAMPLE_RATE)
        self._alignment_frames = (
            -self.engine.delay % period if period <= MAX_ALIGNMENT_PERIOD else 0
        )
        delay = round((self.engine.delay + self._alignment_frames) * sample_rate / SAMPLE_RATE)
        self._priming_frames = 0
        if not (whole_hops and sample_rate == SAMPLE_RATE):
            # The padding for the alignment may keep the output ahead of the input at all times.
            self._priming_frames = max(0, self._measure_buffering())
        self.latency = delay + self._priming_frames
        self.reset()

    def reset(self) -> None:
        """Forget all audio; parameters take their values without smoothing."""
        self._check_prepared()
        self.engine.reset()
        self._clear()
        self._dry_weight, self._gain = self._targets()
        self._dry = np.zeros((self.latency, self.channels), np.float32)

    def process(self, block: NDArray[Any]) -> NDArray[Any]:
        """Denoise [frames, channels]; returns the same shape and type, `latency` frames late.

        Full scale is 1.0, or that of the type for int8, int16, int32 and uint8. Raises
        RtdenoiseError on other types and shapes.
        """
        block = self._check_block(block)
        return from_float(self.process_samples(block), block.dtype)

    def _check_prepared(self) -> None:
        if not self.max_block:
            raise RtdenoiseError("the processor is not set up: call its prepare() first")

    def _check_block(self, block: NDArray[Any]) -> NDArray[Any]:
        self._check_prepared()
        block = as_samples(block, "the block")
        if block.ndim != 2 or block.shape[1] != self.channels:
            raise InvalidValueError(
                f"a block of shape {block.shape} is not valid: use (frames, {self.channels}), "
                "as given to prepare()"
            )
        self._dtype = block.dtype
        return block

    def process_samples(self, samples: NDArray[Any]) -> Audio:
        """Do as `process` for samples whose type and shape were checked; returns float32."""
        frames = len(samples)
        if frames > self.max_block:
            starts = range(0, frames, self.max_block)
            parts = [self.process_samples(samples[i : i + self.max_block]) for i in starts]
            return np.concatenate(parts)
        block = to_float(samples)
        if samples.dtype.kind == "f":  # integers are always finite
            block = self.mend(block)
        self._push(block, self._step_engine)
        wet = self._fifo.pop(frames)
        if len(wet) < frames:  # cannot happen with the blocks promised; pad, do not shift
            wet = np.concatenate([np.zeros((frames - len(wet), self.channels), np.float32), wet])
        joined = np.concatenate([self._dry, block])
        dry, self._dry = joined[:frames], joined[frames:]
        return self._blend(wet, dry)

    def pass_through(self, block: Audio) -> Audio:
        """Do as `process` with `bypass`, but without running the engine: for overload.

        Only for blocks of whole hops at 48 kHz. Afterwards the engine starts from silence.
        """
        if self._dry_weight < 1.0:  # fade the network's output out first, to avoid a click
            bypass, self.bypass = self.bypass, True
            out = self.process(block)
            self.bypass = bypass
            return out
        joined = np.concatenate([self._dry, self.mend(block)])
        dry, self._dry = joined[: len(block)], joined[len(block) :]
        self.engine.reset()
        return dry * np.float32(self._gain)

    def flush(self) -> NDArray[Any]:
        """Return the last [latency, channels] frames in the last block's type; forget all audio."""
        self._check_prepared()
        tail = self.process_samples(np.zeros((self.latency, self.channels), np.float32))
        self.reset()
        return from_float(tail, self._dtype)

    def mend(self, block: Audio) -> Audio:
        """Return `block` without NaN, infinite and far too large samples; count them."""
        block, count = mend(block)
        self.nonfinite += count
        return block

    def _clear(self) -> None:
        self._in.reset()
        self._out.reset()
        self._unprocessed = np.zeros((0, self.channels), np.float32)
        self._fifo = AudioFifo(self.channels)
        self._fifo.push(np.zeros((self._priming_frames, self.channels), np.float32))
        self._alignment_padding = np.zeros((self._alignment_frames, self.channels), np.float32)

    def _push(self, block: Audio, step: Callable[[Audio], Audio]) -> None:
        """Pass a block through resampler, engine and resampler into the FIFO."""
        fresh = self._in.process(block)
        waiting = np.concatenate([self._unprocessed, fresh]) if len(self._unprocessed) else fresh
        usable = len(waiting) // self.engine.hop * self.engine.hop
        self._unprocessed = waiting[usable:].copy()  # the caller may reuse its buffer
        if not usable and not len(self._alignment_padding):
            return
        wet = waiting[:0]
        if usable:
            wet = step(np.ascontiguousarray(waiting[:usable].T)).T
        if len(self._alignment_padding):
            wet, self._alignment_padding = np.concatenate([self._alignment_padding, wet]), wet[:0]
        self._fifo.push(self._out.process(wet))

    def _measure_buffering(self) -> int:
        """Return the most frames by which the output falls behind, measured with silence."""
        if self.sample_rate == SAMPLE_RATE:
            return self.engine.hop - 1
        if isinstance(self._in, FirResampler) and isinstance(self._out, FirResampler):
            return self._compute_buffering(self._in, self._out)
        return _measure_lag(self.sample_rate, self.engine.hop, self._alignment_frames)

    def _compute_buffering(self, first: FirResampler, last: FirResampler) -> int:
        """Return the most frames by which the output falls behind, with blocks of any lengths."""
        hop = self.engine.hop
        period = math.lcm(hop, first.outputs, last.stride)  # samples at 48 kHz
        period = period * self.sample_rate // SAMPLE_RATE
        settled = -(-self.sample_rate // period) * period  # the filters' windows are filled
        frames = np.arange(settled, settled + period)
        hops = first.count_outputs(frames) // hop
        available = last.count_outputs(hops * hop + self._alignment_frames)
        return int(np.max(frames - available))

    def _step_engine(self, block: Audio) -> Audio:
        """Run the engine; if it returns what is no audio, set that to zero and start anew."""
        wet, count = mend(self.engine.step(block))
        if count:
            self.nonfinite_output += count
            self.engine.reset()
        return wet

    def _targets(self) -> tuple[float, float]:
        """Return the dry path's weight and the output gain that the parameters ask for."""
        return _weight_and_gain(self.mix, self.attenuation_limit_db, self.bypass, self.gain_db)

    def _blend(self, wet: Audio, dry: Audio) -> Audio:
        weight, gain = self._targets()
        if weight == self._dry_weight == 0.0 and gain == self._gain == 1.0:
            return wet
        dry_curve = self._ramp(self._dry_weight, weight, len(wet))
        gain_curve = self._ramp(self._gain, gain, len(wet))
        if len(wet):
            self._dry_weight, self._gain = float(dry_curve[-1, 0]), float(gain_curve[-1, 0])
        return ((wet + dry_curve * (dry - wet)) * gain_curve).astype(np.float32)

    def _ramp(self, start: float, target: float, frames: int) -> NDArray[np.float64]:
        """Return a line from start towards target [frames, 1], as steep as RAMP_SECONDS allows."""
        slope = max(1.0, abs(target), abs(start)) / (RAMP_SECONDS * self.sample_rate)
        steps = np.arange(1, frames + 1)[:, None] * slope
        if target >= start:
            return np.minimum(start + steps, target)
        return np.maximum(start - steps, target)
