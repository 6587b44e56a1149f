"""The processor: any block size, sample rate and channel count around an engine.

block -> [48 kHz] -> whole hops -> engine -> [host rate] -> FIFO --+-> mix, limit -> gain -> out
  \\____________________ dry path, delayed by `latency` ____________/
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from ..errors import RtdenoiseError
from ..inference import Engine
from .resampler import Fifo, Resampler

Audio = NDArray[np.float32]
MAX_CHANNELS = 8
RAMP_SECONDS = 0.02  # a parameter moves over its whole range in this time, so it never clicks
LONGEST_ALIGNMENT = 4800  # samples at 48 kHz; rates that need more keep a fraction of a sample


def check_mix(mix: float) -> None:
    """Raise RtdenoiseError unless `mix` is one."""
    if not 0 <= mix <= 1:
        raise RtdenoiseError(f"a mix of {mix:g} makes no sense: use 0 (dry) to 1 (denoised)")


class Processor:
    """Denoises blocks of any size, `latency` samples late, like an audio plugin.

    Parameters may change at any time, and move without clicks: `mix` (0 dry .. 1 denoised),
    `attenuation_limit_db` (at most this much noise is removed; None for no limit), `bypass`, and
    `gain_db` (output). `nonfinite` counts input samples that were NaN or infinite (zeroed).
    """

    def __init__(self, engine: Callable[[int], Engine]) -> None:
        """`engine` makes the engine for a number of channels."""
        self._factory = engine
        self.mix, self.gain_db, self.bypass = 1.0, 0.0, False
        self.attenuation_limit_db: float | None = None
        self.nonfinite = 0

    def prepare(
        self, sample_rate: int, channels: int, max_block: int, whole_hops: bool = False
    ) -> None:
        """Set up for a rate in Hz, 1..8 channels, and blocks of up to `max_block` frames.

        `whole_hops` promises blocks of whole engine hops at 48 kHz, which need no buffering.
        """
        if not 1 <= channels <= MAX_CHANNELS:
            raise RtdenoiseError(f"{channels} channels: rtdenoise handles 1 to {MAX_CHANNELS}")
        self.sample_rate, self.channels, self.max_block = sample_rate, channels, max_block
        self.engine = self._factory(channels)
        self._in = Resampler(sample_rate, SAMPLE_RATE, channels)
        self._out = Resampler(SAMPLE_RATE, sample_rate, channels)
        period = SAMPLE_RATE // math.gcd(sample_rate, SAMPLE_RATE)
        self._extra = -self.engine.delay % period if period <= LONGEST_ALIGNMENT else 0
        delay = round((self.engine.delay + self._extra) * sample_rate / SAMPLE_RATE)
        self._prime = 0
        if not (whole_hops and sample_rate == SAMPLE_RATE):
            self._prime = self._worst_wait()
        self.latency = delay + self._prime
        self.reset()

    def reset(self) -> None:
        """Forget all audio; parameters take their values at once."""
        self.engine.reset()
        self._clear()
        self._dry_weight, self._gain = self._targets()
        self._dry = np.zeros((self.latency, self.channels), np.float32)

    def process(self, block: Audio) -> Audio:
        """Denoise [frames, channels] float32; the same shape back, `latency` frames late."""
        frames = len(block)
        if frames > self.max_block:
            parts = range(0, frames, self.max_block)
            return np.concatenate([self.process(block[i : i + self.max_block]) for i in parts])
        block = self._finite(block)
        self._push(block, self.engine.step)
        wet = self._fifo.pop(frames)
        if len(wet) < frames:  # cannot happen for the blocks promised; never shift time
            wet = np.concatenate([np.zeros((frames - len(wet), self.channels), np.float32), wet])
        joined = np.concatenate([self._dry, block])
        dry, self._dry = joined[:frames], joined[frames:]
        return self._blend(wet, dry)

    def pass_through(self, block: Audio) -> Audio:
        """As `process` under `bypass`, with the engine at rest: for when time is short.

        Only for blocks of whole hops at 48 kHz. The engine hears silence in between, at no cost.
        """
        if self._dry_weight < 1.0:  # no click: the last blocks of the network fade out
            bypass, self.bypass = self.bypass, True
            out = self.process(block)
            self.bypass = bypass
            return out
        joined = np.concatenate([self._dry, self._finite(block)])
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
        self._waiting = np.zeros((0, self.channels), np.float32)
        self._fifo = Fifo(self.channels)
        self._fifo.push(np.zeros((self._prime, self.channels), np.float32))
        self._out_pending = np.zeros((self._extra, self.channels), np.float32)

    def _push(self, block: Audio, step: Callable[[Audio], Audio]) -> None:
        """Send a block through resampler, engine and resampler into the FIFO."""
        fresh = self._in.process(block)
        waiting = np.concatenate([self._waiting, fresh]) if len(self._waiting) else fresh
        whole = len(waiting) // self.engine.hop * self.engine.hop
        self._waiting = waiting[whole:]
        if not whole and not len(self._out_pending):
            return
        wet = waiting[:0]
        if whole:
            wet = step(np.ascontiguousarray(waiting[:whole].T)).T
        if len(self._out_pending):
            wet, self._out_pending = np.concatenate([self._out_pending, wet]), wet[:0]
        self._fifo.push(self._out.process(wet))

    def _worst_wait(self) -> int:
        """Measure how far output availability falls behind, in frames, with silence as input."""
        if self.sample_rate == SAMPLE_RATE:
            return self.engine.hop - 1
        worst = 0
        longest = min(self.max_block, self.sample_rate)  # the filters' buffers are far shorter
        for size in {1 + longest // 7, min(17, longest), longest}:
            self._clear()
            asked, total = 0, int(0.5 * self.sample_rate) + 3 * longest
            while asked < total:
                self._push(np.zeros((size, self.channels), np.float32), lambda x: x)
                asked += size
                worst = max(worst, asked - len(self._fifo))
        return worst + math.ceil(self.engine.hop * self.sample_rate / SAMPLE_RATE)

    def _finite(self, block: Audio) -> Audio:
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
