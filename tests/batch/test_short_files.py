"""Short files are shared among threads: the same samples, warnings, and a stop by a signal."""

from __future__ import annotations

import csv
import signal
import subprocess
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import soundfile as sf

from rtdenoise import Denoiser
from rtdenoise.batch.caught_warnings import caught_warnings
from rtdenoise.batch.folders import run_tasks
from rtdenoise.batch.tasks import plan_tasks
from tests.command import RTDENOISE, names, noise


def test_short_files_are_done_at_once_with_the_same_samples(tmp_path, toy_stream_model):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for i in range(40):
        sound = noise(100 + 97 * i, 1 + i % 2)
        sf.write(source / f"{i:02}.wav", sound, 16_000 if i % 3 else 48_000, "FLOAT")
    (source / "15.wav").write_bytes((source / "15.wav").read_bytes()[:-200])  # cut off: a warning
    (source / "16.wav").write_bytes(b"no sound" * 20)
    denoiser, running = Denoiser(toy_stream_model, workers=3), set()
    tasks = plan_tasks(source, out)
    run_tasks(denoiser, tasks, progress=lambda *_: running.add(threading.get_ident()))
    assert len(running) == 3
    assert [task.status for task in tasks] == ["done"] * 16 + ["failed"] + ["done"] * 23
    assert [bool(task.warning) for task in tasks] == [i == 15 for i in range(40)]
    alone = Denoiser(toy_stream_model, workers=1)
    for task in tasks:
        if task.status == "done":
            target = tmp_path / "alone.wav"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                alone.file(task.file, target, force=True)
            assert np.array_equal(sf.read(target)[0], sf.read(task.output)[0]), task.file


def test_warnings_stay_with_their_thread():
    barrier, found = threading.Barrier(2), {}

    def collect(name: str) -> None:
        with caught_warnings() as caught:
            barrier.wait()
            for _ in range(3):
                warnings.warn(name, stacklevel=1)
            barrier.wait()
        found[name] = caught

    before = warnings.showwarning, list(warnings.filters)
    threads = [threading.Thread(target=collect, args=[name]) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"a": ["a"] * 3, "b": ["b"] * 3}
    assert (warnings.showwarning, list(warnings.filters)) == before


def test_a_signal_among_short_files(tmp_path, toy_stream_model):
    source, out, report = tmp_path / "in", tmp_path / "out", tmp_path / "report.csv"
    source.mkdir()
    for i in range(2000):
        sf.write(source / f"{i}.wav", np.full(10, 0.1), 48_000)
    command = [*RTDENOISE, "file", source, out, "--model", toy_stream_model, "--report", report]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while len(list(out.glob("*.wav"))) < 5:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    shown, error = process.communicate(timeout=120)
    assert error == "rtdenoise: stopped by SIGTERM\n" and " not done" in shown
    done = [row["file"] for row in csv.DictReader(open(report)) if row["status"] == "done"]
    assert 5 <= len(done) < 2000
    assert names(out) == sorted(Path(name).name for name in done)
