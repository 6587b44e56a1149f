"""The seed pipeline: resume repeats exactly, t = 0 adds nothing, bad input exits 2."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from train.checkpoint import load_checkpoint
from train.config import preset
from train.data.paired_dataset import AudioDataset, PairedBatches, generate_noisy
from train.loop import train_diffusion_model
from train.losses.multi_resolution import MultiResolutionLoss
from train.losses.seed_stft import STFT, STFTLoss
from train.optim.noise_schedule import NoiseSchedule
from train.optim.schedule import hold_decay, one_cycle

SMALL = {
    "network_options": {"layers": [[4, 16, 4], [4, 16, 4], [4, 8, 2]]},
    "segment": 4800,
    "batch": 4,
    "tensorboard": False,
    "threads": 1,
}


def speech(frames: int, seed: int = 0) -> np.ndarray:
    """Something with a level that varies, like syllables."""
    rng = np.random.default_rng(seed)
    envelope = np.abs(np.sin(np.arange(frames) / 5000)) ** 2
    return (rng.standard_normal(frames) * envelope * 0.2).astype("f")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "gt_audio").mkdir()
    for i, frames in enumerate((30_000, 20_000, 1000)):  # the last one shorter than a segment
        sf.write(tmp_path / "gt_audio" / f"{i}.wav", speech(frames, i), 48_000)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return tmp_path


def losses(path: Path) -> list:
    return json.loads(load_checkpoint(path)["history"])


def run(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "train", *arguments], capture_output=True, text=True, **options
    )


def test_the_presets_are_the_seed_table():
    seed = preset("baseline")
    assert (seed.epochs, seed.batch, seed.segment) == (1000, 32, 48_000)
    assert (seed.learning_rate, seed.weight_decay) == (1e-4, 1e-2)
    assert (seed.warm_up, seed.rising, seed.final) == (0.05, 0.3, 1e-3)
    assert (seed.network, seed.loss, seed.noise_schedule, seed.ema) == (
        "baseline",
        "stft",
        False,
        0,
    )


def test_noisy_files_are_made_at_the_asked_snr_and_kept(folder):
    generate_noisy(Path("gt_audio"), Path("gl_audio"), snr_db=7.0)
    clean, _ = sf.read("gt_audio/0.wav")
    noisy, _ = sf.read("gl_audio/noisy_0.wav")
    snr = 10 * np.log10(np.mean(clean**2) / np.mean((noisy - clean) ** 2))
    assert abs(snr - 7.0) < 0.2
    stamp = Path("gl_audio/noisy_0.wav").stat().st_mtime_ns
    generate_noisy(Path("gt_audio"), Path("gl_audio"))
    assert Path("gl_audio/noisy_0.wav").stat().st_mtime_ns == stamp


def test_segments_are_paired_and_padded(folder):
    generate_noisy(Path("gt_audio"), Path("gl_audio"))
    dataset = AudioDataset(Path("gt_audio"), Path("gl_audio"), 4800)
    assert len(dataset) == 7 + 5 + 1
    noisy, clean = dataset[12]
    assert noisy.shape == clean.shape == (1, 4800)
    assert clean[0, :1000].abs().max() > 0 and clean[0, 1000:].abs().max() == 0
    source = PairedBatches(dataset, list(range(13)), 4, seed=3, device="cpu")
    assert torch.equal(source.batch(2).noisy, source.batch(2).noisy)
    assert not torch.equal(source.batch(2).clean, source.batch(2 + 4).clean)  # shuffled anew


def test_training_lowers_the_loss_and_writes_what_it_says(folder):
    config = preset("baseline")
    for key, value in {**SMALL, "epochs": 12, "learning_rate": 3e-3}.items():
        setattr(config, key, value)
    best = train_diffusion_model(config)
    assert best.name.startswith("best_model_20") and best.suffix == ".pth"
    checkpoint = load_checkpoint(best)
    for key in (
        "model_state_dict",
        "optimizer_state_dict",
        "scheduler_state_dict",
        "epoch",
        "loss",
    ):
        assert key in checkpoint
    options = checkpoint["config"]["network_options"]
    assert (options["layers"], options["slope"]) == (SMALL["network_options"]["layers"], 0.2)  # all
    history = losses(Path("checkpoints/last.pth"))
    assert len(history) == 12 and history[-1][2] < 0.9 * history[0][2]
    for picture in ("losses.png", "spectrograms.png"):
        assert Path("checkpoints", picture).stat().st_size > 1000


OPTIONS = [
    "--segment",
    "4800",
    "--batch",
    "4",
    "--threads",
    "1",
    "--no-tensorboard",
    "--network-options",
    json.dumps(SMALL["network_options"]),
]


def test_resume_after_kill_9_gives_the_losses_of_an_unbroken_run(folder):
    whole = run("--epochs", "12", "--checkpoints", "whole", *OPTIONS)
    assert whole.returncode == 0, whole.stderr
    process = subprocess.Popen(
        [sys.executable, "-m", "train", "--epochs", "12", "--checkpoints", "cut", *OPTIONS],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    last, deadline = Path("cut/last.pth"), time.monotonic() + 60
    while not last.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < len(losses(last)) < 12
    others = OPTIONS[: OPTIONS.index("--network-options")]  # the shape is the checkpoint's
    again = run("--epochs", "12", "--checkpoints", "cut", "--resume", "cut/last.pth", *others)
    assert again.returncode == 0, again.stderr
    assert losses(last) == losses(Path("whole/last.pth"))


def test_default_recipe_mixes_exports_and_has_an_average(folder):
    tiny = json.dumps({"channels": 4, "dilations": [1, 2], "embedding": 8})
    result = run(
        "--preset",
        "default",
        "--clean",
        "gt_audio",
        "--epochs",
        "2",
        "--steps-per-epoch",
        "2",
        "--batch",
        "2",
        "--segment",
        "24000",
        "--validation-batches",
        "1",
        "--network-options",
        tiny,
        "--no-tensorboard",
    )
    assert result.returncode == 0, result.stderr
    assert "pesq" in result.stdout and "si_sdr" in result.stdout
    saved = load_checkpoint(Path("checkpoints/last.pth"))
    assert saved["ema_state_dict"] is not None
    done = subprocess.run(
        [sys.executable, "-m", "export", "checkpoints/last.pth", "tiny"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and Path("tiny-stream.onnx").exists(), done.stderr


def test_max_minutes_ends_with_a_checkpoint(folder):
    result = run("--max-minutes", "0.02", "--checkpoints", "short", *OPTIONS)
    assert result.returncode == 0 and Path("short/last.pth").exists(), result.stderr


def test_bad_input_is_one_line_and_exit_2(tmp_path, folder, toy_checkpoint):
    Path("void").mkdir()
    for arguments, word in (
        (["--gt-audio", "void"], "no .wav files"),
        (["--resume", "absent.pth"], "does not exist"),
        (["--resume", str(toy_checkpoint), *OPTIONS], "another shape"),
        (["--packed", "void"], "not a packed corpus"),
        (["--preset", "seed"], "unknown preset"),
        (["--clean", "void"], "no clean speech"),
        (["--clean", "absent"], "does not exist"),
    ):
        result = run(*arguments)
        lines = result.stderr.strip().splitlines()
        assert result.returncode == 2 and len(lines) == 1 and word in lines[0], result.stderr


def test_only_a_source_that_the_speech_has_can_be_given_a_share(folder):
    result = run("--clean", "gt_audio", "--recipe", '{"sources": {"x": 0.1}}')
    last = result.stderr.strip().splitlines()[-1]
    assert result.returncode == 2 and "the speech has no source 'x': gt_audio" in last


def test_the_schedule_warms_up_rises_and_ends_at_a_thousandth():
    rates = [one_cycle(step, 1000) for step in range(1000)]
    assert rates[0] < rates[49] == pytest.approx(1 / 25)
    peak = int(np.argmax(rates))
    assert rates[peak] == pytest.approx(1.0, abs=1e-4) and abs(peak - (50 + 0.3 * 950)) < 3
    assert rates[-1] == pytest.approx(1e-3)
    assert rates[:peak] == sorted(rates[:peak]) and rates[peak:] == sorted(rates[peak:])[::-1]


def test_hold_decay_is_level_until_its_last_share_whatever_the_total():
    short, long = ([hold_decay(i, n, 10, 0.25) for i in range(n)] for n in (100, 400))
    assert short[0] == pytest.approx(0.1) and short[9:76] == [1.0] * 67
    assert short[:76] == long[:76]  # a run can be resumed for longer than planned
    assert short[76:] == sorted(short[76:])[::-1] and short[-1] == pytest.approx(0.04)


def test_timestep_zero_adds_nothing_and_larger_t_adds_more():
    schedule, audio = NoiseSchedule(), torch.randn(3, 1, 48_000)
    t = torch.tensor([0, 400, 999])
    added = schedule.add_noise(audio, t, torch.Generator().manual_seed(0)) - audio
    level = added.square().mean((1, 2)).sqrt()
    assert level[0] == 0 and 0 < level[1] < level[2]
    assert level[2] == pytest.approx(0.5, rel=0.02)


def test_losses_are_zero_for_the_target_and_grow_with_noise():
    target = torch.from_numpy(speech(24_000))[None, None]
    for loss in (STFTLoss(), MultiResolutionLoss()):
        values = [
            loss(target + s * torch.randn_like(target), target).item() for s in (0, 0.01, 0.1)
        ]
        assert values[0] < 1e-3 and values[0] < values[1] < values[2], (loss, values)


def test_a_voice_all_but_lost_is_not_best_deleted_but_noise_alone_is():
    generator = torch.Generator().manual_seed(0)
    voice = torch.from_numpy(speech(24_000))[None, None]
    noise = voice.std() * 3 * torch.randn(voice.shape, generator=generator)
    heard, silence = voice + noise, torch.zeros_like(voice)

    def waveform(estimate, target):
        return MultiResolutionLoss().parts(estimate, target)["snr"].item()

    assert waveform(heard, voice) == pytest.approx(waveform(0.3 * heard, voice), rel=1e-3)
    assert waveform(voice + 0.5 * noise, voice) < waveform(heard, voice) < waveform(noise, voice)
    assert waveform(0.3 * noise, silence) < waveform(noise, silence)


def test_the_loss_is_masked_above_a_clips_bandwidth():
    generator = torch.Generator().manual_seed(0)
    spectrum = torch.fft.rfft(torch.randn(1, 1, 48_000, generator=generator))
    spectrum[..., :12_000] = 0  # noise above 12 kHz only
    high = torch.fft.irfft(spectrum)
    target = torch.from_numpy(speech(48_000))[None, None]
    loss = MultiResolutionLoss(snr=0.0)
    free = loss(target + 0.05 * high, target).item()
    masked = loss(target + 0.05 * high, target, torch.tensor([11_000.0])).item()
    assert masked < 0.05 * free


def test_above_8_khz_faint_hiss_counts_by_its_level():
    generator = torch.Generator().manual_seed(0)
    voice = torch.fft.rfft(torch.from_numpy(speech(48_000))[None, None])
    hiss = torch.fft.rfft(torch.randn(1, 1, 48_000, generator=generator))
    voice[..., 4_000:], hiss[..., :9_000] = 0, 0

    def parts(level):
        target = torch.fft.irfft(voice)
        return MultiResolutionLoss().parts(target + level * torch.fft.irfft(hiss), target)

    faint, fainter = parts(3e-3), parts(1e-3)  # 33 and 43 dB below the voice
    assert faint["levels"] > 1.2 * fainter["levels"] > 0.1
    assert faint["spectral"] < 0.2 * faint["levels"]


def test_stft_inverts_and_is_differentiable():
    stft, audio = STFT(), torch.randn(2, 8000, requires_grad=True)
    back = stft.inverse(stft(audio), 8000)
    torch.testing.assert_close(back, audio, atol=1e-5, rtol=1e-5)
    back.sum().backward()
    assert audio.grad is not None and audio.grad.isfinite().all()
