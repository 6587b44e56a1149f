"""The processor: adapts any block size, sample rate and channel count to an engine.

block -> [48 kHz] -> whole hops -> engine -> [host rate] -> FIFO --+-> mix, limit -> gain -> out
  \\____________________ dry path, delayed by `latency` ____________/
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..constants import MAX_CHANNELS, SAMPLE_RATE
from ..errors import RtdenoiseError
from ..inference import Engine
from .resampler import AudioFifo, Resampler

Audio = NDArray[np.float32]
RAMP_SECONDS = 0.02  # time in which a parameter moves over its whole range, without clicks
MAX_ALIGNMENT_PERIOD = 4800  # samples at 48 kHz; with a longer period the delay keeps a fraction


def check_mix(mix: float) -> None:
    """Raise RtdenoiseError unless `mix` is between 0 and 1."""
    if not 0 <= mix <= 1:
        raise RtdenoiseError(f"a mix of {mix:g} is not valid: use 0 (dry) to 1 (denoised)")


class Processor:
    """Denoises blocks of any size, `latency` frames late, like an audio plugin.

    Parameters may change at any time and are smoothed: `mix` (0 dry .. 1 denoised),
    `attenuation_limit_db` (the most noise to remove; None for no limit), `bypass`, and `gain_db`
    (output). `nonfinite` counts input samples that were NaN or infinite; they are set to zero.
    """

    def __init__(self, engine: Callable[[int], Engine]) -> None:
        """`engine` returns an engine for a number of channels."""
        self._factory = engine
        self.mix, self.gain_db, self.bypass = 1.0, 0.0, False
        self.attenuation_limit_db: float | None = None
        self.nonfinite = 0

    def prepare(
        self, sample_rate: int, channels: int, max_block: int, whole_hops: bool = False
    ) -> None:
        """Set up for a rate in Hz, 1..8 channels, and blocks of up to `max_block` frames.

        `whole_hops` promises blocks of whole engine hops at 48 kHz, which need no buffering.
        Raises RtdenoiseError on other channel counts.
        """
        if not 1 <= channels <= MAX_CHANNELS:
            raise RtdenoiseError(f"{channels} channels are not supported: use 1 to {MAX_CHANNELS}")
        self.sample_rate, self.channels, self.max_block = sample_rate, channels, max_block
        self.engine = self._factory(channels)
        self._in = Resampler(sample_rate, SAMPLE_RATE, channels)
        self._out = Resampler(SAMPLE_RATE, sample_rate, channels)
        period = SAMPLE_RATE // math.gcd(sample_rate, SAMPLE_RATE)
        self._alignment_frames = (
            -self.engine.delay % period if period <= MAX_ALIGNMENT_PERIOD else 0
        )
        delay = round((self.engine.delay + self._alignment_frames) * sample_rate / SAMPLE_RATE)
        self._priming_frames = 0
        if not (whole_hops and sample_rate == SAMPLE_RATE):
            self._priming_frames = self._measure_buffering()
        self.latency = delay + self._priming_frames
        self.reset()

    def reset(self) -> None:
        """Forget all audio; parameters take their values without smoothing."""
        self.engine.reset()
        self._clear()
        self._dry_weight, self._gain = self._targets()
        self._dry = np.zeros((self.latency, self.channels), np.float32)

    def process(self, block: Audio) -> Audio:
        """Denoise [frames, channels] float32; returns the same shape, `latency` frames late."""
        frames = len(block)
        if frames > self.max_block:
            parts = range(0, frames, self.max_block)
            return np.concatenate([self.process(block[i : i + self.max_block]) for i in parts])
        block = self._zero_nonfinite(block)
        self._push(block, self.engine.step)
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
        joined = np.concatenate([self._dry, self._zero_nonfinite(block)])
        dry, self._dry = joined[: len(block)], joined[len(block) :]
        self.engine.reset()
        return dry * np.float32(self._gain)

    def flush(self) -> Audio:
        """Return the last [latency, channels] frames, then forget everything."""
        tail = self.process(np.zeros((self.latency, self.channels), np.float32))
        self.reset()
        return tail

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
        self._unprocessed = waiting[usable:]
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
        worst = 0
        longest = min(self.max_block, self.sample_rate)  # the filters' buffers are much shorter
        for size in {1 + longest // 7, min(17, longest), longest}:
            self._clear()
            pushed, total = 0, int(0.5 * self.sample_rate) + 3 * longest
            while pushed < total:
                self._push(np.zeros((size, self.channels), np.float32), lambda x: x)
                pushed += size
                worst = max(worst, pushed - len(self._fifo))
        return worst + math.ceil(self.engine.hop * self.sample_rate / SAMPLE_RATE)

    def _zero_nonfinite(self, block: Audio) -> Audio:
        block = np.asarray(block, np.float32)
        bad = ~np.isfinite(block)
        count = int(np.count_nonzero(bad))
        if not count:
            return block
        self.nonfinite += count
        return np.where(bad, np.float32(0), block)

    def _targets(self) -> tuple[float, float]:
        """Return the dry path's weight and the output gain that the parameters ask for."""
        limit = self.attenuation_limit_db
        kept = 0.0 if limit is None else 10 ** (-abs(limit) / 20)
        dry = 1.0 - min(max(self.mix, 0.0), 1.0) * (1.0 - kept)
        return (1.0 if self.bypass else dry), 10 ** (self.gain_db / 20)

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
