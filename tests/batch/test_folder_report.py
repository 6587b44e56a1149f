"""What a folder run says at its end: the report, and failures summed up on stderr."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import soundfile as sf

from rtdenoise.batch.progress_screen import sum_up
from rtdenoise.batch.tasks import FileTask
from tests.command import RTDENOISE, names, noise, run


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_stopped_run_writes_its_report_and_leaves_nothing_behind(
    tmp_path, toy_stream_model, name
):
    source, out, report = tmp_path / "in", tmp_path / "out", tmp_path / "report.csv"
    source.mkdir()
    for i in range(4):
        sf.write(source / f"{i}.wav", noise(48_000 * 60), 48_000)
    command = [*RTDENOISE, "file", source, out, "--model", toy_stream_model, "--report", report]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(out.glob("*.wav")) or not list(out.glob(".*.part")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.005)
    process.send_signal(getattr(signal, name))
    shown, error = process.communicate(timeout=60)
    assert error == f"rtdenoise: stopped by {name}\n" and " not done" in shown
    assert process.returncode in (128 + getattr(signal, name), -getattr(signal, name))
    status = {Path(row["file"]).name: row["status"] for row in csv.DictReader(open(report))}
    assert "waiting" in status.values()
    assert names(out) == sorted(name for name, word in status.items() if word == "done")


def test_equal_failures_are_summed_up(tree, tmp_path, toy_stream_model):
    for i in range(10):
        (tree / f"broken{i}.wav").write_bytes(b"no sound" * 20)
    (tree / "empty.wav").touch()
    result = run("file", tree, tmp_path / "out", "--model", toy_stream_model)
    lines = result.stderr.strip().splitlines()
    assert result.returncode == 1 and len(lines) == 2, lines
    assert lines[0].startswith("rtdenoise: 10 files: cannot be read as audio (")
    assert "broken0.wav" in lines[0] and "and 7 more" in lines[0]
    assert "empty.wav is empty" in lines[1] and "11 failed" in result.stdout


def test_three_equal_messages_stay_three():
    tasks = [FileTask(f"in/{i}", f"out/{i}", error=f"in/{i} is empty") for i in range(4)]
    few = [(task, task.error) for task in tasks[:3]]
    assert sum_up(few) == ["in/0 is empty", "in/1 is empty", "in/2 is empty"]
    many = [(task, task.error) for task in tasks]
    assert sum_up(many) == ["4 files: is empty (in/0, in/1, in/2 and 1 more)"]


def test_a_report_in_an_out_that_does_not_exist_yet(tree, tmp_path, toy_stream_model):
    for name in ("r.csv", "reports/r.json"):
        out = tmp_path / f"out-{name[-3:]}"
        report = out / name
        result = run("file", tree, out, "--report", report, "--model", toy_stream_model, "--quiet")
        assert result.returncode == 0 and not result.stderr, result.stderr
        assert "a.wav" in report.read_text()


LATIN = os.fsdecode(b"caf\xe9 [1]\n.wav")


def test_names_that_are_not_utf_8(tree, tmp_path, toy_stream_model):
    (tree / "a.wav").rename(tree / LATIN)
    (tree / f"broken{LATIN}").write_bytes(b"no sound" * 20)
    for report in (tmp_path / "r.csv", tmp_path / "r.json"):
        command = ["file", tree, tmp_path / "out", "--model", toy_stream_model, "--force"]
        result = run(*command, "--report", report)
        assert result.returncode == 1 and "3 denoised" in result.stdout, result.stderr
        assert result.stderr.count("\n") == 1 and r"brokencaf\xe9 [1] .wav cannot" in result.stderr
    assert sf.info(os.fsencode(tmp_path / "out" / LATIN)).frames == 24_000
    rows = list(csv.DictReader(open(tmp_path / "r.csv", encoding="utf-8", newline="")))
    assert rows == [
        {k: "" if v is None else str(v) for k, v in row.items()} | {"took": csv_row["took"]}
        for row, csv_row in zip(json.loads((tmp_path / "r.json").read_text()), rows, strict=True)
    ]
    assert any(row["file"].endswith("caf\\xe9 [1]\n.wav") for row in rows)
