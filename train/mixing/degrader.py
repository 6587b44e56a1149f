"""On-the-fly degradation: clean speech to what microphones deliver, as batched tensor code.

    speech -> EQ -> room (target: its early part) -> low-pass \
    noises -> EQ ---------------------------------> low-pass -> SNR -> rumble -> level -> clipping

Speech is high-passed, in the target as well: below 50 Hz there is no voice, and the network learns
to remove what there is. With `high_pass` 0 it learns to keep the recording's own rumble. SNR counts
what lies above 80 Hz, as the tests measure it. A pause may be inserted into noisy speech first.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE

from ..data import Batch, Corpus
from .floors import cut_free, with_floor
from .levels import active_level, level_of, unit
from .modulation import (
    RUMBLE_TOP,
    envelopes,
    high_pass,
    rumble,
    shift_frequencies,
)
from .pauses import insert_pauses
from .recipe import Recipe
from .rooms import EARLY, shoebox
from .segment_sampler import cut, join_effects
from .synthetic_noise import Draw, clicks, hum, keys, smooth_curve, stationary
from .tonal_noise import calls, tones
from .voices import draw_factors, effort, move_formants
from .weights import full_band_runs, noise_weights, speaker_weights

PREROLL = SAMPLE_RATE // 2  # samples of history: reverberation has built up when a clip begins
ROOMS = 64  # synthesised rooms beside the recorded ones
# Playing speech and noise faster or slower makes new talkers and new machines of few recordings.
SPEECH_RATES, NOISE_RATES = (0.8, 1.25), (0.5, 1.6)
LATEST_START = 1.0  # seconds
LEAST_ABOVE = 0.01  # of a noise's power counts in SNR, however little of it lies above 80 Hz
# Synthesised noise, and the chance of each kind in a clip that has any.
SYNTHETIC = (
    (stationary, 0.4),
    (hum, 0.2),
    (keys, 0.3),
    (clicks, 0.15),
    (tones, 0.3),
    (calls, 0.3),
)
# Band limits of telephones, codecs and resamplers, Hz.
LOW_PASS = (3400, 3700, 5400, 7400, 7900, 10800, 13000, 15500, 16000, 18000, 20000)


class Alone(NamedTuple):
    """Which clips hold noise alone, and which speech alone, bool [batch, 1] each."""

    noise: Tensor
    speech: Tensor


class Degrader:
    """Draws (noisy, clean) batches from a corpus; a pure function of (seed, step).

    `batch` clips of `segment` samples each; `recipe` says how many of them suffer what. Some play
    faster or slower, between the two factors of `speech_rates` and `noise_rates`.
    """

    def __init__(
        self,
        corpus: Corpus,
        batch: int,
        segment: int = 2 * SAMPLE_RATE,
        seed: int = 0,
        device: torch.device | str = "cpu",
        recipe: Recipe = Recipe(),  # noqa: B008 (frozen)
        speech_rates: tuple[float, float] = SPEECH_RATES,
        noise_rates: tuple[float, float] = NOISE_RATES,
    ) -> None:
        self.corpus, self.size, self.segment, self.seed = corpus.to(device), batch, segment, seed
        self.device, self.length, self.recipe = device, segment + PREROLL, recipe
        self.speech_rates, self.noise_rates = speech_rates, noise_rates
        self.speakers = speaker_weights(corpus.clean)
        self.full_band = self.speakers * full_band_runs(corpus.clean)
        noise = corpus.noise
        self.noises = noise_weights(noise, recipe.music / max(1.0, sum(recipe.layers)))
        self.noise_class = torch.repeat_interleave(noise.run_last - noise.run_first)
        bins = self.length // 2 + 1
        self.high_pass = high_pass(bins, recipe.high_pass).to(device)
        self.audible = high_pass(bins, RUMBLE_TOP).square().to(device)
        if recipe.room:
            self._make_rooms()

    def batch(self, step: int) -> Batch:
        """Return the batch of a training step: noisy and clean [batch, 1, segment]."""
        draw = Draw(self.seed * 1_000_003 + step, self.device)
        alone = self._draw_alone(draw)
        speech, bandwidth = self._speech(draw, ~alone.speech[:, 0])
        noise, babble = self._noise(draw)
        wet, target, noise, top = self._filter(draw, speech, noise)
        noisy, target = self._mix(draw, wet, target, noise, babble, alone)
        begun = self._begin(draw)
        noisy, target = noisy * begun, target * begun
        # Above a limit within the recording's bandwidth both are empty, so all of it is known, and
        # so is a target that is silence.
        known = (top <= bandwidth) | alone.noise[:, 0]
        bandwidth = torch.where(known, SAMPLE_RATE / 2, bandwidth)
        return Batch(noisy[:, None], target[:, None], bandwidth)

    def _draw_alone(self, draw: Draw) -> Alone:
        kind, share = draw.uniform(0, 1, self.size, 1), self.recipe
        noise = kind < share.only_noise
        return Alone(noise, ~noise & (kind < share.only_noise + share.only_clean))

    def _begin(self, draw: Draw) -> Tensor:
        """Return 0 before and 1 after the recording begins, [batch, segment].

        At run time digital silence precedes a recording. A network that was not trained on it
        starts with a wrong state, which lasts as long as its context.
        """
        latest = min(LATEST_START, 0.4 * self.segment / SAMPLE_RATE)
        begin = draw.uniform(0, latest, self.size, 1) * draw.chance(self.recipe.late, self.size, 1)
        return torch.arange(self.segment, device=self.device) >= begin * SAMPLE_RATE

    def _make_rooms(self) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        responses = shoebox(ROOMS, PREROLL, generator)
        bank = self.corpus.rir
        for clip in bank.clips:
            room = bank.samples[clip.start : clip.start + min(clip.length, PREROLL)].float().cpu()
            room = room[int(room.abs().argmax()) :]
            padded = torch.nn.functional.pad(room, (0, PREROLL - len(room)))
            responses = torch.cat([responses, padded[None]])
        responses = responses / responses.abs().amax(-1, keepdim=True)
        early = responses.clone()
        early[:, EARLY:] *= torch.exp(-torch.arange(PREROLL - EARLY) / (0.03 * SAMPLE_RATE))
        n = self.length
        self.rooms = torch.fft.rfft(responses, n=n).to(self.device)
        self.early = torch.fft.rfft(early, n=n).to(self.device)

    def _speech(self, draw: Draw, noisy: Tensor) -> tuple[Tensor, Tensor]:
        """Return speech [batch, length] and up to where it is known, Hz [batch].

        Pauses are for clips that get noise, bool [batch]: in others, silence beside a recording
        with a floor of its own would teach that a floor is noise.
        """
        speech, bandwidth = self._talkers(draw, self.size)
        rows = (draw.chance(self.recipe.pauses, self.size) & noisy).nonzero()[:, 0]
        if len(rows):
            speech[rows] = insert_pauses(draw, speech[rows])
        rows = draw.chance(self.recipe.formants, self.size).nonzero()[:, 0]
        if len(rows):
            factor = draw_factors(draw, len(rows))
            speech[rows] = move_formants(speech[rows], factor)
            bandwidth[rows] *= factor.clamp(max=1)  # moved up, the top is not known
        with_floor(draw, speech, noisy, self.recipe)
        cut_free(draw, speech, ~noisy, self.recipe)
        return speech, bandwidth

    def _talkers(self, draw: Draw, count: int) -> tuple[Tensor, Tensor]:
        """Return speech of drawn speakers as recorded, or faster or slower, and its bandwidth."""
        bank = self.corpus.clean
        pick = self._draw_speakers(draw, count)
        starts = bank.run_starts[pick]
        region = starts, bank.run_ends[pick] - starts
        speech, index, rate = cut(bank, region, self.speech_rates, self.length, draw)
        clip = torch.searchsorted(bank.starts, index, right=True) - 1  # which were joined?
        bandwidth = bank.bandwidths[clip].amin(-1).to(self.device) * rate[:, 0]
        return speech, bandwidth.clamp(max=SAMPLE_RATE / 2)

    def _draw_speakers(self, draw: Draw, count: int) -> Tensor:
        """Draw runs [count], a fixed share of them from speakers with the top octave."""
        wanted = self.recipe.full_band * count
        reserved = int(wanted) + int(draw.chance(wanted % 1, 1))
        if not reserved or not self.full_band.any():
            return draw.choice(self.speakers, count).cpu()
        picks = [draw.choice(self.full_band, reserved)]
        if count > reserved:
            picks.append(draw.choice(self.speakers, count - reserved))
        return torch.cat(picks).cpu()

    def _recorded(self, draw: Draw) -> Tensor:
        """Return one recorded noise, or several at once, [batch, length]."""
        out = torch.zeros(self.size, self.length, device=self.device)
        if not len(self.corpus.noise):
            return stationary(draw, self.size, self.length)
        for share in self.recipe.layers:
            rows = draw.chance(share, self.size).nonzero()[:, 0]
            if len(rows):
                noise = self._draw_noises(draw, len(rows))
                out[rows] += unit(noise) * 10 ** (draw.uniform(-0.6, 0, len(rows), 1))
        return out

    def _draw_noises(self, draw: Draw, count: int) -> Tensor:
        """Return noises [count, length]: half of the short ones repeated, half joined to others."""
        bank = self.corpus.noise
        pick = draw.choice(self.noises, count).cpu()
        short = (bank.lengths[pick] < self.length) & draw.chance(0.5, count).cpu()
        region = bank.starts[pick], bank.lengths[pick]
        noise, _, _ = cut(bank, region, self.noise_rates, self.length, draw)
        if short.any():
            of = self.noise_class[pick[short]]
            clips = bank.run_first[of], bank.run_last[of]
            noise[short] = join_effects(bank, clips, self.noise_rates, self.length, draw)
        rows = draw.chance(self.recipe.reversed, count)
        noise[rows] = noise[rows].flip(-1)
        rows = draw.chance(self.recipe.shifted, count)
        if rows.any():
            noise[rows] = shift_frequencies(draw, noise[rows])
        return noise

    def _noise(self, draw: Draw) -> tuple[Tensor, Tensor]:
        """Recorded noise, synthesised noise, babble, or sums of them, [batch, length].

        Also tells where there is babble, bool [batch, 1].
        """
        b, n = self.size, self.length
        noise = self._recorded(draw) * draw.chance(self.recipe.recorded, b, 1)
        use = draw.chance(self.recipe.synthesised, b) | (noise.abs().amax(-1) == 0)
        chances = torch.tensor([share for _, share in SYNTHETIC], device=self.device)[:, None]
        shape = len(SYNTHETIC), b
        which = draw.chance(chances, *shape) * 10 ** draw.uniform(-1, 0, *shape)
        which[0] += which.sum(0) == 0
        for gain, (synthesise, _) in zip(which * use, SYNTHETIC, strict=True):
            rows = gain.nonzero()[:, 0]  # synthesis is costly: only the clips that use it
            if len(rows):
                noise[rows] += gain[rows, None] * unit(synthesise(draw, len(rows), n))
        rows = draw.chance(self.recipe.pulsing, b).nonzero()[:, 0]
        if len(rows):
            noise[rows] *= envelopes(draw, len(rows), n)
        kind = draw.uniform(0, 1, b, 1)
        babble = torch.zeros_like(noise)
        rows = (kind[:, 0] < self.recipe.babble).nonzero()[:, 0]
        for _ in range(4 if len(rows) else 0):
            talker = unit(self._talkers(draw, len(rows))[0])
            babble[rows] += talker * draw.uniform(0, 1, len(rows), 1)
        alone = kind < 2 / 3 * self.recipe.babble
        noise = torch.where(alone, babble, unit(noise) + 0.7 * unit(babble))
        return noise, kind < self.recipe.babble

    def _filter(self, draw: Draw, speech: Tensor, noise: Tensor) -> tuple:
        """Apply EQ, room and low-pass in the frequency domain; the pre-roll is cut off.

        Return speech, target, noise, and where the low-pass begins, Hz [batch].
        """
        b, n = self.size, self.length
        s, v = torch.fft.rfft(speech), torch.fft.rfft(noise)
        bins = s.shape[-1]
        share = self.recipe
        s = s * torch.where(draw.chance(share.speech_eq, b, 1), smooth_curve(draw, b, bins, 3), 1)
        s = s * torch.where(draw.chance(share.effort, b, 1), effort(draw, b, bins), 1)
        v = v * torch.where(draw.chance(share.noise_eq, b, 1), smooth_curve(draw, b, bins, 4), 1)
        limited = draw.chance(share.low_pass, b)
        cutoff = torch.tensor(LOW_PASS, device=self.device, dtype=torch.float32)
        cutoff = cutoff[draw.choice(torch.ones(len(LOW_PASS)), b)] * draw.uniform(0.97, 1.03, b)
        width = cutoff * 10 ** draw.uniform(-2.3, -1.0, b)
        frequency = torch.linspace(0, SAMPLE_RATE / 2, bins, device=self.device)
        low = torch.sigmoid((cutoff[:, None] - frequency) / width[:, None] * 4)
        low = torch.where(limited[:, None], low, 1.0)
        top = torch.where(limited, cutoff, SAMPLE_RATE)
        s, v = s * low * self.high_pass, v * low
        wet, noise = (torch.fft.irfft(x, n=n)[:, PREROLL:] for x in (s, v))
        target = wet.clone()
        rows = draw.chance(share.room, b).nonzero()[:, 0]
        if len(rows):
            room = draw.choice(torch.ones(len(self.rooms)), len(rows))
            for signal, responses in ((wet, self.rooms), (target, self.early)):
                signal[rows] = torch.fft.irfft(s[rows] * responses[room], n=n)[:, PREROLL:]
        return wet, target, noise / level_of(noise) / self._share_above(v), top

    def _share_above(self, spectrum: Tensor) -> Tensor:
        """Return which share of a level lies above 80 Hz, [batch, 1], of spectra [batch, bins]."""
        power = torch.view_as_real(spectrum).square().sum(-1)
        share = (power * self.audible).sum(-1, keepdim=True) / (power.sum(-1, keepdim=True) + 1e-9)
        return share.clamp(min=LEAST_ABOVE).sqrt()

    def _mix(
        self,
        draw: Draw,
        wet: Tensor,
        target: Tensor,
        noise: Tensor,
        babble: Tensor,
        alone: Alone,
    ) -> tuple[Tensor, Tensor]:
        """Add noise at a drawn SNR and rumble; set the level, and clip some clips."""
        b, share = self.size, self.recipe
        only_noise, only_clean = alone
        voice = active_level(wet)
        gain = voice * 10 ** (-self._snr(draw, babble) / 20)
        gain = torch.where(only_noise, 0.1 / level_of(noise), gain * ~only_clean)
        wet, target = wet * ~only_noise, target * ~only_noise
        target = torch.where(only_clean, wet, target)  # an undegraded recording stays as it is
        noisy = wet + gain * noise
        rows = (draw.chance(share.rumble, b, 1) & ~only_clean).nonzero()[:, 0]
        if len(rows):
            level = voice[rows] * 10 ** draw.uniform(-1, 1, len(rows), 1)
            noisy[rows] += level * rumble(draw, len(rows), self.segment)
        level = (-26 + 9 * draw.normal(b, 1)).clamp(-45, -5)
        scale = 10 ** (level / 20) / level_of(noisy)
        peak = (noisy * scale).abs().amax(-1, keepdim=True)
        clipped = draw.chance(share.clipped, b, 1) & ~only_noise & ~only_clean
        limit = torch.where(clipped, peak * draw.uniform(0.3, 0.9, b, 1), peak)
        down = 1 / limit.clamp(min=1.0)  # nothing above full scale, clipped or not
        scale, limit = scale * down, limit * down
        return torch.maximum(torch.minimum(noisy * scale, limit), -limit), target * scale

    def _snr(self, draw: Draw, babble: Tensor) -> Tensor:
        """Draw SNRs in dB [batch, 1]; below 0 dB nobody could tell the talker from babble."""
        low, high, weight = torch.tensor(self.recipe.snr, device=self.device).float().T
        of = draw.choice(weight, self.size)
        snr = (low[of] + (high - low)[of] * draw.uniform(0, 1, self.size))[:, None]
        return torch.where(babble, snr.clamp(min=0), snr)
