"""The script for a machine with a GPU, tried without one: steps, failures, pieces to send."""

from __future__ import annotations

import json
import subprocess

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.speed import gpu_check, gpu_steps
from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import has_cuda_driver

SCRIPT = "benchmarks/gpu_check.sh"


def script(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", SCRIPT, *map(str, arguments)], capture_output=True, text=True, timeout=60
    )


def test_steps_run_on_the_cpu_and_their_results_are_written(tmp_path):
    arguments = ["gpu-check", "--provider", "cpu", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, [*arguments, "--only", "card", "--only", "recording"])
    assert result.exit_code == 0, (result.output, result.exception)
    found = json.loads((tmp_path / "gpu_check.json").read_text())
    steps = found["steps"]
    assert found["provider"] == "cpu" and list(steps) == ["card", "recording"]
    assert steps["card"]["providers"] == ["CPUExecutionProvider"]
    recording = steps["recording"]
    # On the CPU nothing is recorded: every hop runs every node.
    assert not recording["recorded"] and recording["difference"] < 1e-5
    assert recording["node_executions"] == 60 * recording["nodes"]
    page = (tmp_path / "gpu_check.md").read_text()
    assert "scratch MB" in page and "60 hops ran 60 times" in page
    assert "--- recording" in (tmp_path / "gpu_check.log").read_text()


def test_a_step_that_fails_is_told_and_the_next_one_runs(tmp_path, monkeypatch, capsys):
    ran = []

    def run(name, provider, limit, out):
        ran.append((name, limit))
        if name == "tests":
            return gpu_check._result("some output\nrtdenoise: the reason", 2) | {"seconds": 1.0}
        return gpu_check._result('noise\n{"summary": "fine"}', 0) | {"seconds": 1.0}

    monkeypatch.setattr(gpu_check, "_run", run)
    with pytest.raises(RtdenoiseError, match="^tests failed: the reasons are in"):
        gpu_check.gpu_check(tmp_path, "cpu")
    assert [name for name, _ in ran] == list(gpu_check.STEPS)
    assert "tests         1.0 s  FAILED: exit 2: rtdenoise: the reason" in capsys.readouterr().out
    assert "live          1.0 s  fine" in (tmp_path / "gpu_check.md").read_text()


def test_a_step_that_hangs_is_stopped_and_one_without_time_is_not_begun(tmp_path):
    stopped = gpu_check._run("card", "cpu", 0.1, tmp_path)
    assert stopped["failed"] == "stopped after 0 s"
    with pytest.raises(RtdenoiseError, match="card, live failed"):
        gpu_check.gpu_check(tmp_path, "cpu", budget=1, only=["card", "live"])
    steps = json.loads((tmp_path / "gpu_check.json").read_text())["steps"]
    assert "the 1 s are over" in steps["live"]["failed"]


@pytest.mark.skipif(has_cuda_driver(), reason="CUDA is there")
def test_without_cuda_a_step_gives_the_reason():
    with pytest.raises(RtdenoiseError, match="the CUDA provider does not load: "):
        gpu_steps.check_card("cuda", quick=True)


def test_the_script_lists_what_is_sent_and_refuses_pieces_over_32_mb(tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "soxr-1.whl").write_bytes(bytes(1_500_000))
    piece = tmp_path / "onnxruntime.tar.xz.00"
    piece.write_bytes(b"")
    with piece.open("r+b") as handle:
        handle.truncate(32 * 1024 * 1024)
    listed = script("--list", "--wheels", tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert "MB  the checkout" in listed.stdout
    assert "1.5 MB" in listed.stdout and "33.6 MB" in listed.stdout
    with piece.open("r+b") as handle:
        handle.truncate(32 * 1024 * 1024 + 1)
    refused = script("--list", "--wheels", tmp_path)
    assert refused.returncode == 2 and "larger than 32 MB: cut it smaller" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--fast"], "unknown option --fast: see --help"), (["--out"], "--out needs a folder"),
     (["--wheels", "/nowhere"], "/nowhere is not a folder")],
)  # fmt: skip
def test_bad_options_of_the_script_get_one_line(arguments, words):
    done = script(*arguments)
    assert done.returncode == 2 and words in done.stderr and len(done.stderr.splitlines()) == 1


def test_pieces_that_do_not_unpack_are_told(tmp_path):
    (tmp_path / "onnxruntime.tar.xz.00").write_bytes(b"no archive")
    done = script("--wheels", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 2 and "are all of them in" in done.stderr
