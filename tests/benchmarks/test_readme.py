"""The README's commands, run as they stand in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import soundfile as sf

from benchmarks import readme

ROOT = Path(__file__).parents[2]


def command(name: str) -> str:
    """The shell command below `<!-- command: name -->`."""
    text = (ROOT / "README.md").read_text()
    return re.search(rf"<!-- command: {name} -->\s*```sh\n(.*?)```", text, re.S).group(1).strip()


def test_the_first_command_on_a_clean_virtual_environment(tmp_path):
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    for name in files.split():
        if name.startswith(("rtdenoise/", "examples/")) or "/" not in name:
            target = tmp_path / "checkout" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    env["PATH"] = f"{tmp_path / 'venv/bin'}:{env['PATH']}"
    result = subprocess.run(
        ["bash", "-c", command("try")],
        cwd=tmp_path / "checkout",
        env=env,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert result.returncode == 0, result.stderr
    before = sf.info(tmp_path / "checkout/examples/noisy.wav")
    after = sf.info(tmp_path / "checkout/denoised.wav")
    assert (before.frames, before.samplerate) == (after.frames, after.samplerate)
    listed = subprocess.run(
        [tmp_path / "venv/bin/pip", "list"], env=env, capture_output=True, text=True
    ).stdout
    assert not re.search(r"^torch", listed, re.M)
    sites = list((tmp_path / "venv/lib").glob("python*/site-packages"))
    assert not any((site / name).exists() for site in sites for name in ("train", "export"))


def test_ci_runs_the_readmes_test_command():
    assert command("test") == "pip install '.[test]' && python -m pytest"
    assert "command: test" in (ROOT / ".ci/run").read_text()


def test_the_measurements_are_those_of_the_result_files():
    text = (ROOT / "README.md").read_text()
    inside = text.split(readme.BEGIN)[1].split(readme.END)[0]
    assert inside == readme.measured(ROOT / "benchmarks" / "results")
    assert "**Sound**" in inside
