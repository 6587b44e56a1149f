"""Degradations: a pure function of (seed, step), finite and in range."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import soundfile as sf
import torch
from scipy.signal import butter, sosfilt

from rtdenoise.errors import RtdenoiseError
from train.data import shards
from train.data.banks import Bank, Clip
from train.data.corpus import Corpus
from train.examples import examples
from train.mixing.degrader import SPEECH_RATES, Degrader
from train.mixing.recipe import PLAIN, Recipe
from train.mixing.rooms import shoebox
from train.mixing.segment_sampler import cut
from train.mixing.synthetic_noise import Draw, keys, stationary


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    root = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    for kind, count in (("clean/anna", 3), ("clean/bert", 2), ("clean/cleo", 2), ("noise/fan", 2)):
        (root / kind).mkdir(parents=True)
        for i in range(count):
            rate = (16_000, 44_100, 48_000)[i]
            wave = rng.standard_normal(rate) * np.abs(np.sin(np.arange(rate) / rate * 9)) * 0.1
            sf.write(root / kind / f"{i}.flac", wave, rate)
    return Corpus.from_directories([root / "clean"], [root / "noise"])


def test_a_step_is_repeatable_and_steps_differ(corpus):
    a, b = Degrader(corpus, 4, 48_000, seed=1), Degrader(corpus, 4, 48_000, seed=1)
    b.batch(3)
    assert torch.equal(a.batch(5).noisy, b.batch(5).noisy)
    assert not torch.equal(a.batch(5).noisy, a.batch(6).noisy)


def test_some_recordings_begin_late_out_of_digital_silence(corpus):
    batch = Degrader(corpus, 64, 72_000).batch(0)
    heard = batch.noisy[:, 0].abs() > 0
    begins = heard.float().argmax(-1) / 48_000
    late = begins > 0.01
    assert abs(late.float().mean() - Recipe().late) < 0.15 and begins.max() <= 1.01
    for row, start in enumerate((begins * 48_000).long().tolist()):
        assert not batch.clean[row, 0, :start].any()


def test_levels_kinds_and_ranges(corpus):
    source = Degrader(corpus, 16, 24_000)
    batches = [source.batch(i) for i in range(20)]
    noisy = torch.cat([b.noisy for b in batches])[:, 0]
    clean = torch.cat([b.clean for b in batches])[:, 0]
    assert noisy.shape == clean.shape == (320, 24_000)
    assert noisy.isfinite().all() and clean.isfinite().all() and noisy.abs().max() <= 1.0 + 1e-6
    level = 20 * torch.log10(noisy.square().mean(-1).sqrt())
    sounding = level.isfinite()  # noise alone that rests all the while is silence
    assert sounding.float().mean() > 0.98
    level = level[sounding]
    assert level.min() > -50 and level.max() < -4 and level.std() > 5
    silent = (clean.abs().amax(-1) == 0).float().mean()
    same = ((noisy - clean).abs().amax(-1) < 1e-6).float().mean()
    noise, clean = Recipe().only_noise, Recipe().only_clean
    assert noise / 2 < silent < 2 * noise and clean / 2 < same < 2 * clean


def test_recipe_says_what_clips_suffer(corpus):
    settings = dataclasses.asdict(PLAIN) | {"only_clean": 1, "only_noise": 0}
    plain = Degrader(corpus, 64, 24_000, recipe=Recipe.of(settings)).batch(0)
    limited = Degrader(corpus, 64, 24_000, recipe=Recipe.of(settings | {"low_pass": 1})).batch(0)
    assert torch.allclose(plain.noisy, plain.clean, atol=1e-6)
    known = limited.bandwidth == 24_000  # the limit lies within what the recording has
    assert (plain.bandwidth < 24_000).any() and known.any() and not known.all()
    assert torch.equal(limited.bandwidth[~known], plain.bandwidth[~known])
    with pytest.raises(RtdenoiseError, match="no share is called 'rooms': only_noise, "):
        Recipe.of({"rooms": 0.5})
    for share in (3400, "much", None):
        with pytest.raises(RtdenoiseError, match=f"low_pass is a share from 0 to 1, not {share}"):
            Recipe.of({"low_pass": share})


def test_recipe_says_how_many_noises_there_are_at_once(corpus):
    heard = []
    for layers in ([1], [1, 1, 1], [0, 1]):
        source = Degrader(corpus, 32, 24_000, recipe=Recipe.of({"layers": layers}))
        source._draw_noises = lambda _, count, n=source.length: torch.ones(count, n)
        heard.append(source._recorded(Draw(5, "cpu")).mean(-1))
    assert (heard[0] <= 1.001).all() and (heard[1] > 0.7).all() and (heard[1] > 1.5).any()
    assert (heard[2] > 0.2).all() and (heard[2] <= 1.001).all()
    for none in ([], [1.5], 0.5, ["all"]):
        with pytest.raises(RtdenoiseError, match="recipe: layers is a list of shares"):
            Recipe.of({"layers": none})


def test_recipe_says_how_loud_the_floor_is(corpus):
    settings = dataclasses.asdict(PLAIN) | {"only_clean": 1, "only_noise": 0, "formants": 0}
    without = Degrader(corpus, 16, 24_000, recipe=Recipe.of(settings))._talkers
    levels = []
    for level in (-80, -30):
        floors = {"floor_level": [level, level], "own_floor_level": [level + 20, level + 20]}
        source = Degrader(corpus, 16, 24_000, recipe=Recipe.of(settings | {"floor": 1} | floors))
        speech, _ = without(Draw(7, "cpu"), 16)
        for noisy in (True, False):
            heard, _ = source._speech(Draw(7, "cpu"), torch.full((16,), noisy))
            levels.append(20 * torch.log10((heard - speech).square().mean().sqrt()))
    above = [float(level - levels[0]) for level in levels]
    assert above == pytest.approx([0, 20, 50, 70], abs=1)
    for none in (5, [-80], [-40, -80], [-80, "loud"], [-80, math.inf]):
        for name in ("floor_level", "own_floor_level"):
            with pytest.raises(RtdenoiseError, match=f"recipe: {name} is"):
                Recipe.of({name: none})


def test_recipe_says_how_loud_the_noise_is(corpus):
    settings = dataclasses.asdict(PLAIN) | {"only_clean": 0, "only_noise": 0, "clipped": 0}
    settings |= {"snr": [[3, 3, 1], [20, 25, 1]]}
    batch = Degrader(corpus, 64, 24_000, recipe=Recipe.of(settings)).batch(0)
    noise = (batch.noisy - batch.clean)[:, 0]
    low = batch.clean[:, 0].square().mean(-1) / noise.square().mean(-1) < 10
    assert 16 < low.sum() < 48
    for none in ([], 5, [[0, 5]], [[5, 0, 1]], [[0, 5, 0]], [[0, "loud", 1]], [[0, math.nan, 1]]):
        with pytest.raises(RtdenoiseError, match="recipe: snr is a list of"):
            Recipe.of({"snr": none})


def test_playing_faster_raises_pitch_and_bandwidth():
    tone = np.sin(2 * np.pi * 1000 * np.arange(480_000) / 48_000)
    samples = torch.from_numpy((tone * 10_000).astype("int16"))
    bank = Bank(samples, [Clip("a", "anna", bandwidth=10_000.0, length=len(samples))])
    source = Degrader(Corpus(bank, Bank(samples[:0], []), Bank(samples[:0], [])), 64, 48_000)
    speech, bandwidth = source._talkers(Draw(0), 64)
    pitch = torch.fft.rfft(speech).abs().argmax(-1) * 48_000 / speech.shape[-1]
    low, high = SPEECH_RATES
    assert 1000 * low - 2 < pitch.min() < 900 and 1100 < pitch.max() < 1000 * high + 2
    assert torch.allclose(bandwidth / 10, pitch, atol=2)


def test_another_speed_keeps_the_top_of_the_band():
    tone = np.sin(2 * np.pi * 15_000 * np.arange(480_000) / 48_000)
    samples = torch.from_numpy((tone * 10_000).astype("int16"))
    bank = Bank(samples, [Clip("a", "anna", length=len(samples))])
    region = torch.zeros(16, dtype=torch.long), torch.full((16,), len(samples))
    audio, _, rate = cut(bank, region, (0.8, 1.25), 48_000, Draw(0))
    spectrum = torch.fft.rfft(audio[:, 4800:43_200] * torch.hann_window(38_400)).abs()
    peak = spectrum.amax(-1)
    assert rate.min() < 0.9 and rate.max() > 1.1 and peak.min() > 0.9 * peak.max()
    for row, place in zip(spectrum, spectrum.argmax(-1).tolist(), strict=True):
        row[place - 200 : place + 201] = 0  # 250 Hz to either side
    assert spectrum.max() < 0.003 * peak.max()


def test_speakers_are_held_out_as_a_whole(corpus):
    train, held = corpus.hold_out(0.4)
    sides = [{c.speaker for c in side.clean.clips} for side in (train, held)]
    assert sides[0] and sides[1] and not sides[0] & sides[1]


def test_packed_corpus_comes_back(corpus, tmp_path):
    corpus.save(tmp_path)
    back = Corpus.load(tmp_path)
    assert torch.equal(back.clean.samples, corpus.clean.samples)
    assert back.clean.clips == corpus.clean.clips and back.noise.clips == corpus.noise.clips


def test_rooms_start_with_the_direct_sound_and_decay():
    rooms = shoebox(8, 24_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(rooms[:, 0], torch.ones(8))
    early, late = rooms[:, :4800].square().sum(-1), rooms[:, -4800:].square().sum(-1)
    assert torch.all(late < 0.1 * early)


@pytest.mark.parametrize("codec", ["flac", "opus"])
def test_pieces_to_carry_come_back(corpus, tmp_path, monkeypatch, codec):
    packed, carried, back = (tmp_path / name for name in ("packed", "carried", "back"))
    corpus.save(packed)
    seconds = corpus.clean.seconds / 2.5  # three pieces
    monkeypatch.setitem(shards.CODECS, codec, (*shards.CODECS[codec][:3], int(seconds)))
    shards.shards(packed, carried, codec)
    assert len(list(carried.glob(f"clean-*.{codec}"))) >= 3
    shards.shards(carried, back)
    got = Corpus.load(back)
    assert got.clean.samples.shape == corpus.clean.samples.shape
    if codec == "flac":
        assert torch.equal(got.clean.samples, corpus.clean.samples)
        assert got.clean.clips == corpus.clean.clips
    assert max(clip.bandwidth for clip in got.clean.clips) <= (
        24_000 if codec == "flac" else 20_000
    )
    next(carried.glob(f"clean-*.{codec}")).unlink()
    with pytest.raises(RtdenoiseError, match="copy all of them"):
        shards.join(carried)


def test_examples_are_rendered(corpus, tmp_path):
    corpus.save(tmp_path / "packed")
    out = tmp_path / "out"
    examples(tmp_path / "packed", out, count=3, seconds=1.0, seed=1)
    assert len(list(out.glob("*.png"))) == 3
    noisy, rate = sf.read(out / "02-noisy.wav")
    clean, _ = sf.read(out / "02-clean.wav")
    assert rate == 48_000 and noisy.shape == clean.shape == (48_000,)
    assert np.abs(noisy).max() > 0


def test_typing_is_strokes_with_pauses_and_a_fan_has_none():
    def loud_frames(sound) -> torch.Tensor:
        power = sound.unflatten(-1, (-1, 480)).square().mean(-1)
        return (power > 0.01 * power.amax(-1, keepdim=True)).float().mean(-1)

    typed, fan = keys(Draw(2), 16, 144_000), stationary(Draw(2), 16, 144_000)
    assert loud_frames(typed).median() < 0.3 < 0.9 < loud_frames(fan).min()
    onsets = typed.unflatten(-1, (-1, 480)).square().mean(-1)
    strokes = onsets[:, 1:] > 10 * onsets[:, :-1] + 0.01 * onsets.amax(-1, keepdim=True)
    assert 1 < strokes.float().sum(-1).mean() / 3 < 20  # a second; releases are heard as well


def test_digital_silence_is_not_the_rule(monkeypatch):
    monkeypatch.setattr("train.mixing.segment_sampler.WARPED", 0)
    samples = torch.zeros(480_000, dtype=torch.int16)
    samples[::480][::2] = 9000
    samples[200_000:300_000] = 0
    bank = Bank(samples, [Clip("a", "anna", length=len(samples))])
    empty = Bank(samples[:0], [])
    recipe = Recipe(only_clean=1, only_noise=0, speech_eq=0, room=0, low_pass=0, late=0, formants=0)
    source = Degrader(Corpus(bank, empty, empty), 64, 96_000, recipe=recipe)
    batches = [source.batch(step) for step in range(4)]
    clean = torch.cat([batch.clean[:, 0] for batch in batches])
    noisy = torch.cat([batch.noisy[:, 0] for batch in batches])
    silent = (clean.unflatten(-1, (-1, 960)).abs().amax(-1) < 1e-7).any(-1)
    assert 0.12 < silent.float().mean() < 0.3  # 0.4 hold a silent frame, and half of them a floor
    assert torch.allclose(clean, noisy, atol=1e-6)


def spoken(seconds: int = 10) -> Corpus:
    """A voice without pauses, and noise whose power lies below 80 Hz mostly."""
    g = torch.Generator().manual_seed(0)
    spectrum = torch.fft.rfft(torch.randn(2, seconds * 48_000, generator=g))
    frequency = torch.linspace(0, 24_000, spectrum.shape[-1])
    spectrum[0, (frequency < 100) | (frequency > 8000)] = 0
    spectrum[1, (frequency > 30) & (frequency < 300)] = 0
    spectrum[1, frequency <= 30] *= 100
    sound = torch.fft.irfft(spectrum)
    sound = (sound / sound.abs().amax(-1, keepdim=True) * 30_000).to(torch.int16)
    banks = [Bank(x, [Clip(f"{i}", "s/x", length=len(x))]) for i, x in enumerate(sound)]
    return Corpus(banks[0], banks[1], Bank(sound[0][:0], []))


def test_snr_counts_what_lies_above_80_hz():
    settings = dataclasses.asdict(PLAIN) | {"only_clean": 0, "only_noise": 0, "clipped": 0}
    batch = Degrader(spoken(), 120, 48_000, recipe=Recipe.of(settings)).batch(0)
    sos = butter(8, 80, "highpass", fs=48_000, output="sos")
    voice, noise = (
        20 * np.log10(sosfilt(sos, x[:, 0].numpy())[:, 9600:].std(-1))
        for x in (batch.clean, batch.noisy - batch.clean)
    )
    snr = voice - noise
    assert -12 < snr.min() < -8 and 24 < snr.max() < 31
    assert 0.4 < np.mean(snr < 5) < 0.6 and 0.25 < np.mean((snr > 5) & (snr < 16)) < 0.45


@pytest.mark.parametrize(("share", "only_clean"), [(0.0, 0), (0.5, 0), (1.0, 1)])
def test_recipe_says_how_many_noisy_clips_have_a_pause(share, only_clean):
    settings = dataclasses.asdict(PLAIN) | {"only_noise": 0, "clipped": 0, "pauses": share}
    recipe = Recipe.of(settings | {"only_clean": only_clean})
    batch = Degrader(spoken(), 64, 96_000, recipe=recipe).batch(0)
    power = batch.clean[:, 0].unflatten(-1, (-1, 960)).square().mean(-1)
    paused = (power < 1e-4 * power.amax(-1, keepdim=True)).any(-1)
    expected = 0 if only_clean else 0.85 * share  # some stand in the pre-roll
    assert abs(paused.float().mean() - expected) < 0.2
    heard = (batch.noisy - batch.clean)[:, 0].unflatten(-1, (-1, 960)).square().mean(-1)
    assert only_clean or (heard > 0).all()  # the noise goes on


@pytest.mark.parametrize(("corner", "kept"), [(0, 1.0), (50, 0.1)])
def test_the_recording_s_own_rumble_is_kept_or_not(corner, kept):
    settings = dataclasses.asdict(PLAIN) | {"only_clean": 1, "only_noise": 0, "clipped": 0}
    corpus = spoken()
    wave = 3000 * torch.sin(2 * torch.pi * 20 * torch.arange(len(corpus.clean.samples)) / 48_000)
    corpus.clean.samples[:] = wave.to(torch.int16)
    recipe = Recipe.of(settings | {"high_pass": corner})
    source = Degrader(corpus, 8, 48_000, recipe=recipe, speech_rates=(1.0, 1.0))
    speech = source._speech(Draw(0, "cpu"), torch.ones(source.size, dtype=torch.bool))[0]
    wet, target, *_ = source._filter(Draw(1, "cpu"), speech, torch.randn_like(speech))
    loud = target.square().mean().sqrt() / speech.square().mean().sqrt()
    assert loud == pytest.approx(kept, rel=0.05) if corner == 0 else loud < kept
    assert torch.equal(wet, target)
    with pytest.raises(RtdenoiseError, match="recipe: high_pass is a frequency in Hz, not -1"):
        Recipe.of({"high_pass": -1})


def test_rumble_is_loud_in_the_input_and_absent_from_the_target():
    settings = dataclasses.asdict(PLAIN) | {"only_clean": 0, "only_noise": 0, "clipped": 0}
    corpus = spoken()
    corpus.clean.samples += 3000  # a DC offset in the recording
    corpus.noise.samples[:] = torch.tensor([1000, 0, -1000, 0]).repeat(120_000)  # 12 kHz
    batch = Degrader(corpus, 100, 48_000, recipe=Recipe.of(settings | {"rumble": 0.5})).batch(0)
    power = torch.fft.rfft(batch.noisy[:, 0] - batch.clean[:, 0]).abs().square()
    voice = batch.clean[:, 0].square().sum(-1)
    level = 10 * (2 * power[:, :81].sum(-1) / 48_000 / voice).log10()
    rumbling = level > -25
    assert 0.35 < rumbling.float().mean() < 0.65
    assert level.max() > 15 and level[rumbling].min() < -10
    low = torch.fft.rfft(batch.clean[:, 0]).abs().square()[:, :31].sum(-1) * 2 / 48_000
    assert 10 * (low / voice).log10().max() < -30
