"""`rtdenoise file` as users run it: odd input works, bad input is one line and exit code 2."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile as sf

from rtdenoise import Denoiser, RtdenoiseError, denoise_audio


def run(*arguments: object, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "rtdenoise.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        **options,
    )


def noise(frames: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(frames).standard_normal((frames, channels)).astype("f") * 0.1


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    path = tmp_path / "noisy.wav"
    sf.write(path, noise(30_000), 48_000, subtype="PCM_24")
    return path


def refused(result: subprocess.CompletedProcess, *words: str) -> None:
    """One clear line on stderr, exit code 2, no traceback."""
    assert result.returncode == 2, result
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("rtdenoise: "), result.stderr
    for word in words:
        assert word in lines[0], lines[0]


def only(folder: Path, *names: str) -> None:
    """Nothing else was left in the folder."""
    assert sorted(p.name for p in folder.iterdir()) == sorted(names)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_rates_and_channels_are_kept(tmp_path, toy_stream_model, rate, channels):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    sf.write(source, noise(rate // 3 + 1, channels), rate, subtype="FLOAT")
    Denoiser(toy_stream_model).file(source, target)
    before, after = sf.info(source), sf.info(target)
    assert (after.frames, after.samplerate, after.channels, after.subtype) == (
        before.frames,
        rate,
        channels,
        "FLOAT",
    )
    only(tmp_path, "in.wav", "out.wav")


@pytest.mark.parametrize("frames", [1, 5000, 60_000])
def test_a_recording_is_led_up_to_by_its_mirror_image(tmp_path, toy_stream_model, frames):
    audio, lead = noise(frames)[:, 0], 28_800
    turned = np.pad(audio, (lead, 0), mode="reflect")
    expected = Denoiser(toy_stream_model, opening=0)(turned, 48_000)[lead:]
    got = Denoiser(toy_stream_model)(audio, 48_000)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert np.abs(got - Denoiser(toy_stream_model, opening=0)(audio, 48_000)).max() > 1e-3
    sf.write(tmp_path / "in.wav", audio, 48_000, subtype="FLOAT")
    Denoiser(toy_stream_model).file(tmp_path / "in.wav", tmp_path / "out.wav")
    np.testing.assert_allclose(sf.read(tmp_path / "out.wav")[0], got, atol=1e-5)


@pytest.mark.parametrize("opening", [-1.0, float("nan"), float("inf")])
def test_an_opening_that_makes_no_sense_is_refused(toy_stream_model, opening):
    with pytest.raises(RtdenoiseError, match="opening"):
        Denoiser(toy_stream_model, opening=opening)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_output_is_aligned_to_the_sample(toy_stream_model, rate):
    """The dry path goes through the same buffers: it must come back exactly where it was."""
    audio = noise(rate)
    np.testing.assert_allclose(Denoiser(toy_stream_model, mix=0.0)(audio, rate), audio, atol=1e-6)
    assert np.abs(Denoiser(toy_stream_model)(audio, rate) - audio).max() > 0.01


@pytest.mark.parametrize(
    "container, subtype",
    [
        ("wav", "PCM_16"),
        ("wav", "PCM_U8"),
        ("flac", "PCM_24"),
        ("ogg", "VORBIS"),
        ("opus", "OPUS"),
        ("mp3", "MPEG_LAYER_III"),
        ("aiff", "PCM_16"),
        ("caf", "FLOAT"),
    ],
)
def test_formats_are_kept(tmp_path, toy_stream_model, container, subtype):
    source, target = tmp_path / f"in.{container}", tmp_path / f"out.{container}"
    kind = "OGG" if container == "opus" else container.upper()
    sf.write(source, noise(20_000), 48_000, subtype, format=kind)
    Denoiser(toy_stream_model).file(source, target)
    before, after = sf.info(source), sf.info(target)
    assert (after.format, after.subtype) == (before.format, subtype)
    assert after.frames == before.frames


@pytest.mark.parametrize("frames", [1, 2, 479, 481])
def test_the_shortest_files(tmp_path, toy_stream_model, frames):
    sf.write(tmp_path / "in.wav", noise(frames), 48_000)
    result = run("file", tmp_path / "in.wav", tmp_path / "out.wav", "--model", toy_stream_model)
    assert result.returncode == 0, result.stderr
    assert sf.info(tmp_path / "out.wav").frames == frames


def test_a_silent_file(tmp_path):
    sf.write(tmp_path / "in.wav", np.zeros(48_000), 48_000)
    assert run("file", tmp_path / "in.wav", tmp_path / "out.wav").returncode == 0
    assert np.abs(sf.read(tmp_path / "out.wav")[0]).max() < 1e-3


def test_a_recording_cut_off_in_the_middle(tmp_path, toy_stream_model):
    whole = noise(96_000)
    for name in ("cut.wav", "cut.flac"):
        sf.write(tmp_path / name, whole, 48_000)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        out = tmp_path / f"out-{name}"
        result = run("file", tmp_path / name, out, "--model", toy_stream_model)
        assert result.returncode == 0, result.stderr
        assert "cut off or damaged" in result.stderr
        assert 20_000 < sf.info(out).frames < 60_000


def test_nan_and_inf_are_zeroed_with_a_warning(tmp_path, toy_stream_model):
    audio = noise(48_000)
    audio[1000], audio[2000] = np.nan, -np.inf
    sf.write(tmp_path / "in.wav", audio, 48_000, subtype="FLOAT")
    result = run("file", tmp_path / "in.wav", tmp_path / "out.wav", "--model", toy_stream_model)
    assert result.returncode == 0 and "2 samples were NaN or infinite" in result.stderr
    assert np.isfinite(sf.read(tmp_path / "out.wav")[0]).all()


def test_tags_are_kept(tmp_path, toy_stream_model):
    with sf.SoundFile(tmp_path / "in.flac", "w", 48_000, 1) as handle:
        handle.title = "A take"
        handle.write(noise(5000))
    Denoiser(toy_stream_model).file(tmp_path / "in.flac", tmp_path / "out.flac")
    assert sf.SoundFile(tmp_path / "out.flac").title == "A take"


def test_bad_input_files_are_refused(tmp_path, noisy):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no sound here " * 50)
    sf.write(tmp_path / "header.wav", np.zeros(0), 48_000)
    sf.write(tmp_path / "nine.wav", noise(1000, 9), 48_000)
    before = sorted(p.name for p in tmp_path.iterdir())
    for name, word in (
        ("empty.wav", "is empty"),
        ("text.wav", "cannot be read as audio"),
        ("header.wav", "holds no audio"),
        ("nine.wav", "9 channels"),
        ("absent.wav", "does not exist"),
        (".", "within each other"),
    ):
        refused(run("file", tmp_path / name, tmp_path / "out.wav"), word)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_bad_outputs_are_refused(tmp_path, noisy):
    content = noisy.read_bytes()
    (tmp_path / "link.wav").symlink_to(noisy)
    os.link(noisy, tmp_path / "hard.wav")
    (tmp_path / "there.wav").write_text("mine")
    for name, word in (
        ("noisy.wav", "input itself"),
        ("link.wav", "input itself"),
        ("hard.wav", "input itself"),
        ("there.wav", "--force"),
        ("no/where.wav", "does not exist"),
        ("out.xyz", "format"),
    ):
        refused(run("file", noisy, tmp_path / name), word)
    refused(run("file", noisy, noisy, "--force"), "input itself")
    refused(run("file", noisy, "/proc/out.wav"), "/proc")
    refused(run("file", noisy, "/dev/full"), "no regular file")
    assert noisy.read_bytes() == content
    assert (tmp_path / "there.wav").read_text() == "mine"
    assert run("file", noisy, tmp_path / "there.wav", "--force").returncode == 0


def test_a_full_disk_leaves_nothing(tmp_path, noisy):
    """A file-size limit stops the write in the middle, as a full disk does."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    refused(run("file", noisy, tmp_path / "out.wav", preexec_fn=limit), "free some disk space")
    only(tmp_path, "noisy.wav")


def test_bad_models_providers_and_engines_are_refused(tmp_path, noisy, toy_segment_model):
    out = tmp_path / "out.wav"
    node = onnx.helper.make_node("Identity", ["audio"], ["denoised"])
    value = [onnx.helper.make_tensor_value_info(n, 1, [1]) for n in ("audio", "denoised")]
    graph = onnx.helper.make_graph([node], "foreign", value[:1], value[1:])
    model = onnx.helper.make_model(
        graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)]
    )
    onnx.save(model, tmp_path / "foreign.onnx")
    (tmp_path / "junk.onnx").write_bytes(b"junk" * 100)
    for option, word in (
        (["--model", tmp_path / "foreign.onnx"], "not one of rtdenoise"),
        (["--model", tmp_path / "junk.onnx"], "not an ONNX model"),
        (["--model", "absent"], "no model 'absent'"),
        (["--model", toy_segment_model, "--engine", "stream"], "--engine segment"),
        (["--provider", "tpu"], "auto, cuda, cpu"),
        (["--engine", "steam"], "segment"),
        (["--mix", "2"], "mix"),
    ):
        refused(run("file", noisy, out, *option), word)
    assert not out.exists()


def test_cuda_is_never_silently_the_cpu(noisy, tmp_path):
    from rtdenoise.inference.loading import has_cuda_driver

    if has_cuda_driver():
        pytest.skip("a CUDA driver is present")
    refused(run("file", noisy, tmp_path / "o.wav", "--provider", "cuda"), "NVIDIA driver")


def test_file_imports_neither_torch_nor_sounddevice(tmp_path, noisy, toy_stream_model):
    code = (
        "import sys; from rtdenoise.cli import app; "
        f"app(['file', {str(noisy)!r}, {str(tmp_path / 'o.wav')!r}], standalone_mode=False); "
        "print({'torch', 'sounddevice'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.splitlines()[-1] == "set()", result


def test_denoise_audio_takes_onnx_and_checkpoints(
    tmp_path, noisy, toy_stream_model, toy_checkpoint
):
    denoise_audio(toy_stream_model, noisy, tmp_path / "a.wav")
    denoise_audio(toy_checkpoint, noisy, tmp_path / "b.wav")
    a, b = (sf.read(tmp_path / name)[0] for name in ("a.wav", "b.wav"))
    np.testing.assert_allclose(a, b, atol=1e-4)
    with pytest.raises(RtdenoiseError, match="no checkpoint"):
        denoise_audio(_not_ours(tmp_path), noisy, tmp_path / "c.wav")


def _not_ours(folder: Path) -> Path:
    path = folder / "other.pth"
    path.write_bytes(b"not a checkpoint")
    return path


def test_info_prints_card_provider_and_latency(toy_stream_model):
    result = run("info", "--model", toy_stream_model, "--provider", "cpu")
    assert result.returncode == 0
    assert "provider    cpu" in result.stdout and "= 20.0 ms" in result.stdout
