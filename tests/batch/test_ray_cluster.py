"""A folder on a real Ray cluster of two nodes, one of whose workers is killed."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tests.command import noise, refused, run

pytest.importorskip("ray")
ROOT = Path(__file__).parents[2]
PORT = 26_379
# Newer Ray asks for a token; older ones do not know these variables.
ENV = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
}


def ray(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "ray.scripts.scripts", *arguments],
        check=True,
        capture_output=True,
        timeout=120,
        env=ENV,
    )


@pytest.fixture(scope="module")
def cluster():
    """The address of a cluster of two nodes with one core each."""
    common = ["--num-cpus=1", "--object-store-memory=80000000", "--disable-usage-stats"]
    ray("start", "--head", f"--port={PORT}", "--include-dashboard=false", *common)
    try:
        ray("start", f"--address=127.0.0.1:{PORT}", *common)
        yield f"127.0.0.1:{PORT}"
    finally:
        ray("stop", "--force")


def workers() -> list[int]:
    """Process ids of the actors."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"ray::_Worker" in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            pass
    return found


def test_every_file_is_denoised_once_although_a_worker_dies(tmp_path, cluster):
    source, target = tmp_path / "in", tmp_path / "out"
    for i in range(12):
        path = source / f"{i % 3}" / f"{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, noise(48_000 * 40 + i), 48_000)
    (source / "bad.wav").write_bytes(b"no audio")
    killed: list[int] = []

    def kill() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and not killed:
            if len(list(target.rglob("[0-9]*.wav"))) >= 2 and (found := workers()):
                os.kill(found[0], signal.SIGKILL)
                killed.append(found[0])
            time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    report = tmp_path / "report.json"
    result = run(
        *("file", source, target),
        *("--report", report, "--ray", cluster),
        env=ENV,
    )
    thread.join()
    assert result.returncode == 1, result
    assert killed, "no worker was found to kill"
    assert "12 denoised" in result.stdout and "1 failed" in result.stdout
    rows = json.loads(report.read_text())
    assert [row["status"] for row in rows].count("done") == 12
    assert sum("bad.wav" in row["error"] for row in rows) == 1
    for path in source.rglob("[0-9]*.wav"):
        assert sf.info(target / path.relative_to(source)).frames == sf.info(path).frames
    assert not list(target.rglob(".*"))
    again = run("file", source, target, "--ray", cluster, env=ENV)
    assert "0 denoised" in again.stdout and "12 skipped" in again.stdout


def test_urls_on_the_cluster_equal_files(tmp_path, cluster, toy_stream_model):
    for i in range(2):
        (tmp_path / "in").mkdir(exist_ok=True)
        sf.write(tmp_path / "in" / f"{i}.flac", noise(30_000), 48_000)
    goal = f"file://{tmp_path}/remote"
    common = ["--model", toy_stream_model]
    url = run("file", f"file://{tmp_path}/in", goal, *common, "--ray", cluster, env=ENV)
    here = run("file", tmp_path / "in", tmp_path / "local", *common)
    assert url.returncode == here.returncode == 0, url
    for i in range(2):
        a, b = (sf.read(tmp_path / d / f"{i}.flac")[0] for d in ("remote", "local"))
        np.testing.assert_array_equal(a, b)
    assert sorted(p.name for p in (tmp_path / "remote").iterdir()) == ["0.flac", "1.flac"]


def test_a_cluster_that_does_not_answer_is_refused(tmp_path):
    sf.write(tmp_path / "a.wav", noise(4800), 48_000)
    started = time.monotonic()
    result = run("file", tmp_path, f"{tmp_path}-out", "--ray", "127.0.0.1:9")
    refused(result, "no Ray cluster answers at 127.0.0.1:9")
    assert time.monotonic() - started < 15
    refused(run("file", tmp_path / "a.wav", tmp_path / "b.wav", "--ray", "local"), "--ray")


def test_a_wrong_cluster_token_is_refused(tmp_path, cluster):
    sf.write(tmp_path / "a.wav", noise(4800), 48_000)
    env = {**ENV, "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    result = run("file", tmp_path, f"{tmp_path}-out", "--ray", cluster, env=env)
    last = result.stderr.strip().splitlines()[-1]  # Ray itself prints warnings before it
    assert result.returncode == 2 and last.startswith("rtdenoise: ") and "RAY_AUTH_TOKEN" in last


def test_bad_urls_are_refused(tmp_path):
    refused(run("file", "nowhere://x/y", tmp_path / "out"), "nowhere://x/y")
    refused(run("file", f"file://{tmp_path}", tmp_path / "out"), "contains no audio files")
