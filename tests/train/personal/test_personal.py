"""`python -m train personal`: recordings, fine-tuning, averaging, and what it writes and says."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from rtdenoise import Denoiser
from rtdenoise.errors import RtdenoiseError
from tests.toy import toy_network
from tests.train.personal.voice import RATE, voice
from train.__main__ import main
from train.checkpoint import load_network
from train.personal import run as run_module
from train.personal import tuning
from train.personal.checks import Figures
from train.personal.command import BUNDLED
from train.personal.material import bandwidth_of, read, read_others
from train.personal.report import Comparison, tell
from train.personal.run import halves
from train.personal.tuning import (
    Choice,
    Distilled,
    Tuner,
    average,
    choose,
    for_steps,
    other_mixtures,
    own_mixtures,
)

SOUND = Figures(level=-20, active=70, clipped=0, silent=0, snr=25, kept=-0.4, low=0.55)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("personal")
    speech, rng = np.tile(voice(8), 5), np.random.default_rng(0)
    (folder / "me").mkdir()
    sf.write(folder / "me" / "a.wav", speech[: 25 * RATE], RATE)
    sf.write(folder / "me" / "b.flac", speech[25 * RATE :], RATE)
    (folder / "me" / "c.wav").write_bytes(b"not audio")
    sf.write(folder / "room.wav", 0.02 * rng.standard_normal(32 * RATE), RATE)
    return folder


def test_recordings_are_read_and_the_test_parts_are_kept_apart(folder):
    speech = read(folder / "me", "--voice")
    assert speech.seconds == pytest.approx(40) and len(speech.clips) == 2
    assert len(speech.unusable) == 1 and "c.wav cannot be read" in speech.unusable[0]
    training, choosing, telling = speech.split()
    parts = [part.samples.numpy() for part in (training, choosing, telling)]
    assert np.array_equal(np.concatenate(parts), speech.samples)
    assert [round(len(part) / RATE) for part in parts] == [30, 5, 5]
    assert sum(clip.length for clip in training.clips) == len(parts[0])
    assert len(training.clips) == 2 and choosing.clips[0].start == 0
    assert read(folder / "room.wav", "--noise").seconds == pytest.approx(32)


def test_what_cannot_be_read_is_one_line(folder, tmp_path):
    with pytest.raises(RtdenoiseError, match="--voice: .* holds no audio file"):
        read(tmp_path, "--voice")
    with pytest.raises(RtdenoiseError, match="--voice: .*c.wav cannot be read"):
        read(folder / "me" / "c.wav", "--voice")


def test_the_bandwidth_of_a_telephone_is_found():
    noise = np.random.default_rng(0).standard_normal(2 * RATE)
    spectrum = np.fft.rfft(noise)
    spectrum[np.fft.rfftfreq(len(noise), 1 / RATE) > 3400] = 0
    limited = np.round(2000 * np.fft.irfft(spectrum)).astype(np.int16)
    assert 3250 <= bandwidth_of(limited) <= 3750
    assert bandwidth_of(np.round(2000 * noise).astype(np.int16)) == 24_000


def test_others_for_training_and_for_tests_are_different_speakers(strangers, tmp_path):
    replayed, test = read_others(strangers)
    speakers = [{clip.speaker for clip in corpus.clean.clips} for corpus in (replayed, test)]
    assert speakers[0] and speakers[1] and not speakers[0] & speakers[1]
    sides = [{clip.speaker for clip in side.clips} for side in halves(replayed.clean)]
    assert not sides[0] & sides[1] and sides[0] | sides[1] == speakers[0]
    (tmp_path / "clean").symlink_to(strangers / "clean")
    (tmp_path / "noise").mkdir()
    with pytest.raises(RtdenoiseError, match="holds no noise: add recordings of some"):
        read_others(tmp_path)


def test_tuning_lowers_the_loss_of_the_users_mixtures_and_repeats_exactly(folder, monkeypatch):
    monkeypatch.setattr(tuning, "SEGMENT", 24_000)
    monkeypatch.setattr(tuning, "HIGHEST_RATE", 2e-2)
    monkeypatch.setattr(tuning, "RATE", 2e-3)
    speech, noise = read(folder / "me", "--voice"), read(folder / "room.wav", "--noise")
    source = own_mixtures(speech.split()[0], noise.split()[0], seed=0, size=2)
    network = toy_network()
    before = copy.deepcopy(network.state_dict())

    def tuned(steps: int) -> torch.nn.Module:
        tuner = Tuner(network, [source], bf16=False)
        tuner.run(for_steps(steps), lambda _: None)
        return tuner.network

    first, second = tuned(2).state_dict(), tuned(2).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    after = tuned(12)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key
        if key.endswith((".mean", ".variance")):  # of all voices, not of this one
            assert torch.equal(after.state_dict()[key], value), key
    loss, batch = Tuner(network, [], bf16=False).loss, source.batch(1000)
    zero = torch.zeros(2, dtype=torch.long)
    with torch.no_grad():
        old, new = (loss(n(batch.noisy, zero), batch.clean) for n in (network, after))
    assert new < 0.99 * old


def test_others_are_distilled_so_that_the_gradient_is_zero_at_the_beginning(folder, monkeypatch):
    monkeypatch.setattr(tuning, "SEGMENT", 24_000)
    network, speech = toy_network(), read(folder / "me", "--voice").split()[0]
    altered = other_mixtures(speech, None, 0, size=2)

    def gradient(source) -> float:
        tuner = Tuner(network, [source], bf16=False)
        tuner.run(for_steps(1), lambda _: None)
        found = [p.grad.norm() for p in tuner.network.parameters() if p.grad is not None]
        return float(torch.stack(found).norm())

    assert gradient(Distilled(altered, network, bf16=False)) < 1e-2 * gradient(altered)


def test_weights_are_averaged_by_their_share():
    before, after = toy_network(), toy_network()
    with torch.no_grad():
        for value in after.parameters():
            value += 1
    for share in (0.0, 0.25, 1.0):
        mixed = dict(average(before, after, share).named_parameters())
        for name, value in before.named_parameters():
            torch.testing.assert_close(mixed[name], value + share)


def test_the_share_with_the_largest_gain_that_harms_nobody_is_chosen():
    tried = [Choice(0.25, 0.05, 0.01), Choice(0.5, 0.1, -0.01), Choice(1.0, 0.2, -0.1)]
    assert choose(tried, least=-0.02) == tried[1]
    assert choose(tried, least=0.02) is None
    assert choose([Choice(1.0, -0.1, 0.5)], least=-0.02) is None


def test_the_report_says_what_changed_and_what_to_do():
    rows = np.array([[1.5, 0.6, 8.0], [1.7, 0.7, 9.0]])
    better, worse = rows + [0.2, 0.02, 1.0], rows - [0.2, 0.02, 1.0]
    good = Comparison((rows, rows), (better, rows), 0.5)
    text = tell(good, [Path("x/me-rolling.onnx"), Path("x/me-stream.onnx")], "")
    assert "your voice in your room: PESQ 1.60 -> 1.80 (+0.20 ± 0.00)" in text
    assert "SI-SDR 8.5 -> 9.5 dB (+1.0 ± 0.0) (2 mixtures)" in text
    assert "share of the new weights: 50 %" in text
    assert text.endswith("better: use it with --model x/me-stream.onnx")
    assert good.objection(0.02, -0.02) == ""
    harmful = Comparison((rows, rows), (better, worse), 0.5)
    assert harmful.objection(0.02, -0.02) == "other voices and noises would lose"
    chance = rows + [[0.05, 0, 0], [-0.11, 0, 0]]  # a mean of -0.03, which proves nothing
    assert Comparison((rows, rows), (better, chance), 0.5).objection(0.02, -0.02) == ""
    alone = Comparison((rows, rows), (better, worse), 0.5, measured=False)
    assert "your voice altered" in alone.objection(0.02, -0.02)
    assert "other voices were not measured" in tell(alone, [], "why")
    useless = Comparison((rows, rows), (rows, rows), 0.5)
    assert "too little" in useless.objection(0.02, -0.02)
    assert tell(useless, [], "why").endswith("no better (why): keep the bundled model")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory) -> Path:
    folder, rng = tmp_path_factory.mktemp("strangers"), np.random.default_rng(3)
    for i in range(4):
        for name, audio in (
            ("clean", voice(5, 90 + 40 * i, i)),
            ("noise", rng.normal(0, 0.05, 3 * RATE)),
        ):
            (folder / name / str(i)).mkdir(parents=True)
            sf.write(folder / name / str(i) / "a.wav", audio, RATE)
    return folder


@pytest.fixture
def quick(folder, toy_checkpoint, monkeypatch, tmp_path):
    """A run of two steps with the toy network; the checks have tests of their own."""
    monkeypatch.setattr(tuning, "SEGMENT", 48_000)
    monkeypatch.setattr(run_module, "SHARES", (1.0,))
    monkeypatch.setattr(run_module, "OWN_CLIPS", 1)
    monkeypatch.setattr(run_module, "OTHERS_CLIPS", 1)
    monkeypatch.setattr(run_module, "measure", lambda *_: SOUND)
    monkeypatch.setattr(run_module, "choose", lambda tried, _: tried[0])
    out = tmp_path / "mine"
    arguments = ["--voice", str(folder / "me"), "--noise", str(folder / "room.wav")]
    arguments += ["--out", str(out), "--steps", "2", "--init", str(toy_checkpoint), "--anyway"]
    monkeypatch.setattr(sys, "argv", ["train", "personal", *arguments])
    return out


def test_a_better_model_is_exported_and_can_be_chosen(quick, strangers, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--others", str(strangers)])
    monkeypatch.setattr(run_module, "LEAST_OWN", -99)
    monkeypatch.setattr(run_module, "LEAST_OTHERS", -99)
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    told = capsys.readouterr()
    assert "left out: " in told.err and f"--model {quick}-stream.onnx" in told.out
    names = {path.name for path in quick.parent.iterdir()}
    forms = {f"mine-{form}.onnx" for form in ("segment", "stream", "rolling")}
    assert names == forms | {"mine.pth"}  # nothing temporary is left
    audio = voice(1)
    got = Denoiser(f"{quick}-stream.onnx", provider="cpu")(audio, sample_rate=RATE)
    network = load_network(Path(f"{quick}.pth"))
    old = toy_network().state_dict()
    assert any(not torch.equal(value, old[key]) for key, value in network.state_dict().items())
    assert got.shape == audio.shape and np.isfinite(got).all()


def test_where_nothing_is_gained_nothing_is_written(quick, monkeypatch, capsys):
    monkeypatch.setattr(run_module, "LEAST_OWN", 99)
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("no better (your voice gains")
    assert lines[-2].startswith("other voices were not measured")
    assert not list(quick.parent.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--voice me --noise room.wav --minutes nan", "'--minutes'"),
        ("--voice absent --noise room.wav", "'absent' does not exist"),
        ("--voice me", "Missing option '--noise'"),
        ("--voice me --noise room.wav --out absent/mine", "the folder absent does not exist"),
    ],
)
def test_wrong_options_are_one_line(arguments, message, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["train", "personal", *arguments.split()])
    with pytest.raises(SystemExit) as end:
        main()
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 2 and message in line and line.startswith("train personal: ")


def test_bad_recordings_are_told_together_before_any_training(folder, monkeypatch, capsys):
    monkeypatch.setattr(run_module, "Run", lambda *_: pytest.fail("started"))
    short = Figures(level=-20, active=12, clipped=0.1, silent=0.9, snr=25, kept=-0.4, low=0.55)
    monkeypatch.setattr(run_module, "measure", lambda *_: short)
    arguments = ["--voice", str(folder / "me"), "--noise", str(folder / "room.wav")]
    monkeypatch.setattr(sys, "argv", ["train", "personal", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    line = capsys.readouterr().err.splitlines()[-1]
    assert end.value.code == 2
    for part in ("holds 12 s of speech", "is clipped", "digital silence", "sounds like speech"):
        assert part in line


def test_where_the_weights_are_missing_the_way_to_them_is_told(folder, monkeypatch, capsys):
    assert BUNDLED.is_file()
    monkeypatch.setattr("train.personal.command.BUNDLED", Path("absent.pth"))
    arguments = ["--voice", str(folder / "me"), "--noise", str(folder / "room.wav")]
    monkeypatch.setattr(sys, "argv", ["train", "personal", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "run from a clone of the repository" in capsys.readouterr().err
