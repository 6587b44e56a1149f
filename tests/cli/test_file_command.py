"""`rtdenoise file` as users run it: odd input works, bad input is one line and exit code 2."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile as sf

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.files import TimeRange
from tests.command import noise, only, refused, run


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    path = tmp_path / "noisy.wav"
    sf.write(path, noise(30_000), 48_000, subtype="PCM_24")
    return path


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


def test_nan_and_inf_are_zeroed_with_a_warning(tmp_path, toy_stream_model):
    audio = noise(48_000)
    audio[1000], audio[2000] = np.nan, -np.inf
    sf.write(tmp_path / "in.wav", audio, 48_000, subtype="FLOAT")
    result = run("file", tmp_path / "in.wav", tmp_path / "out.wav", "--model", toy_stream_model)
    assert result.returncode == 0 and "2 samples were NaN, infinite" in result.stderr
    assert np.isfinite(sf.read(tmp_path / "out.wav")[0]).all()


def test_bad_input_files_are_refused(tmp_path, noisy):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no sound here " * 50)
    sf.write(tmp_path / "header.wav", np.zeros(0), 48_000)
    sf.write(tmp_path / "nine.wav", noise(1000, 9), 48_000)
    before = sorted(p.name for p in tmp_path.iterdir())
    for name, word in (
        ("empty.wav", "is empty"),
        ("text.wav", "cannot be read as audio"),
        ("header.wav", "contains no audio"),
        ("nine.wav", "9 channels"),
        ("absent.wav", "does not exist"),
        (".", "overlap"),
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
        ("out.xyz", "not supported"),
    ):
        refused(run("file", noisy, tmp_path / name), word)
    refused(run("file", noisy, noisy, "--force"), "input itself")
    refused(run("file", noisy, "/proc/out.wav"), "/proc")
    refused(run("file", noisy, "/dev/full"), "not a regular file")
    assert noisy.read_bytes() == content
    assert (tmp_path / "there.wav").read_text() == "mine"
    assert run("file", noisy, tmp_path / "there.wav", "--force").returncode == 0


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
        (["--model", tmp_path / "foreign.onnx"], "not an rtdenoise model"),
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
    import onnxruntime

    # Other packages may bring the onnxruntime without CUDA, whose files replace those of ours.
    built = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    word = "NVIDIA driver" if built else "onnxruntime-gpu"
    refused(run("file", noisy, tmp_path / "o.wav", "--provider", "cuda"), word)


def test_file_imports_neither_torch_nor_sounddevice(tmp_path, noisy, toy_stream_model):
    code = (
        "import sys; from rtdenoise.cli import app; "
        f"app(['file', {str(noisy)!r}, {str(tmp_path / 'o.wav')!r}], standalone_mode=False); "
        "print({'torch', 'sounddevice'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.splitlines()[-1] == "set()", result


def test_info_prints_card_provider_and_latency(toy_stream_model):
    result = run("info", "--model", toy_stream_model, "--provider", "cpu")
    assert result.returncode == 0
    assert "provider    cpu" in result.stdout and "= 20.0 ms" in result.stdout


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".m4a"])
def test_a_name_that_is_not_utf_8(tmp_path, toy_stream_model, suffix):
    name = os.fsdecode(b"caf\xe9") + suffix
    if suffix == ".m4a":
        sf.write(tmp_path / "in.wav", noise(30_000), 48_000)
        Denoiser(toy_stream_model).file(tmp_path / "in.wav", tmp_path / f"in{suffix}")
    else:
        sf.write(tmp_path / f"in{suffix}", noise(30_000), 48_000)
    (tmp_path / f"in{suffix}").rename(tmp_path / name)
    model = tmp_path / os.fsdecode(b"mod\xe9le.onnx")
    model.write_bytes(toy_stream_model.read_bytes())
    target = tmp_path / f"out {name}"
    result = run("file", tmp_path / name, target, "--model", model)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    assert rf"out caf\xe9{suffix}: " in result.stdout and target.stat().st_size > 1000
    refused(run("file", tmp_path / name, target), rf"out caf\xe9{suffix} exists: use --force")
    refused(run("file", tmp_path / f"no{name}", target), rf"nocaf\xe9{suffix} does not exist")


def test_a_disk_that_is_too_small_is_known_before_work(tmp_path, noisy, monkeypatch):
    free = shutil.disk_usage(tmp_path)._replace(free=50_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    denoiser = Denoiser()
    with pytest.raises(RtdenoiseError, match="needs about 0.1 MB, but its disk has 0.1 MB left"):
        denoiser.file(noisy, tmp_path / "out.wav")  # 90 kB
    denoiser.file(noisy, tmp_path / "part.wav", time_range=TimeRange(0.0, 0.3))  # 43 kB
    assert sorted(p.name for p in tmp_path.iterdir()) == ["noisy.wav", "part.wav"]


def test_empty_names_and_names_of_folders(tmp_path):
    sf.write(tmp_path / "in.wav", noise(4800), 48_000)
    for source, target, word in (
        ("", "out.wav", "IN is an empty name"),
        ("in.wav", "", "OUT is an empty name"),
        ("in.wav", "new/", "new/ is a folder's name"),
    ):
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        refused(run("file", source, target, cwd=tmp_path, env=environment), word)
    only(tmp_path, "in.wav")
