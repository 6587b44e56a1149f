"""Folders, globs and lists: the tree is kept, existing outputs are skipped, bad files told."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
import soundfile as sf

from rtdenoise import Denoiser
from rtdenoise.batch.folders import run_tasks
from rtdenoise.batch.tasks import plan_tasks
from rtdenoise.errors import RtdenoiseError
from tests.command import RTDENOISE, names, noise, run


def test_the_tree_is_kept_and_existing_outputs_are_skipped(tree, tmp_path, toy_stream_model):
    out, report = tmp_path / "out", tmp_path / "report.csv"
    result = run("file", tree, out, "--model", toy_stream_model, "--report", report)
    assert result.returncode == 0 and "3 denoised (1.5 s)" in result.stdout, result.stderr
    assert names(out) == ["a.wav", "sub/b.flac", "sub/deeper/c.ogg"]
    rows = list(csv.DictReader(open(report)))
    assert [row["status"] for row in rows] == ["done"] * 3
    assert all(float(row["seconds"]) == 0.5 and row["removed_db"] for row in rows)
    before = (out / "a.wav").stat().st_mtime_ns
    (out / "sub/b.flac").unlink()
    result = run("file", tree, out, "--model", toy_stream_model)
    assert "1 denoised (0.5 s), 2 skipped" in result.stdout
    assert (out / "a.wav").stat().st_mtime_ns == before
    assert "3 denoised" in run("file", tree, out, "--model", toy_stream_model, "--force").stdout
    assert (out / "a.wav").stat().st_mtime_ns > before


def test_a_bad_file_is_listed_and_the_rest_are_done(tree, tmp_path, toy_stream_model):
    (tree / "broken.wav").write_bytes(b"RIFF and nothing else")
    (tree / "empty.wav").touch()
    report = tmp_path / "report.json"
    result = run("file", tree, tmp_path / "out", "--model", toy_stream_model, "--report", report)
    assert result.returncode == 1 and "3 denoised" in result.stdout and "2 failed" in result.stdout
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 2 and "broken.wav" in lines[0] and "empty.wav is empty" in lines[1]
    failed = [row for row in json.loads(report.read_text()) if row["status"] == "failed"]
    assert len(failed) == 2 and all(row["error"] for row in failed)


def test_after_kill_9_outputs_are_complete_and_the_next_run_continues(tmp_path, toy_stream_model):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for i in range(6):
        sf.write(source / f"{i}.wav", noise(48_000 * 60), 48_000)
    process = subprocess.Popen([*RTDENOISE, "file", source, out, "--model", toy_stream_model])
    deadline = time.monotonic() + 60
    while not list(out.glob("*.wav")) or not list(out.glob(".*.part")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    whole = [path for path in out.iterdir() if path.suffix == ".wav"]
    assert 1 <= len(whole) < 6 and all(sf.info(path).frames == 48_000 * 60 for path in whole)
    result = run("file", source, out, "--model", toy_stream_model)
    assert f"{6 - len(whole)} denoised" in result.stdout, result.stderr
    assert names(out) == [f"{i}.wav" for i in range(6)]


def test_globs_and_lists(tree, tmp_path, toy_stream_model):
    (tree / "list.txt").write_text("a.wav\nsub/b.flac\n")
    for source in (f"{tree}/**/*.[wf]*", f"@{tree}/list.txt"):
        out = tmp_path / f"out{len(source)}"
        result = run("file", source, out, "--model", toy_stream_model)
        assert result.returncode == 0, result.stderr
        assert names(out) == ["a.wav", "sub/b.flac"]


def test_symlink_loops_end_and_no_folder_counts_twice(tree):
    (tree / "sub/up").symlink_to(tree)
    (tree / "again").symlink_to(tree / "sub")
    rows = plan_tasks(tree, tree.parent / "out")
    assert len({Path(row.file).resolve() for row in rows}) == len(rows) == 3


def test_unreadable_files_are_reported(tree, tmp_path, toy_stream_model):
    if os.geteuid() == 0:
        (tree / "a.wav").unlink()
        (tree / "a.wav").symlink_to(
            tree / "gone.wav"
        )  # root can read any file, so use a dangling link
    else:
        (tree / "a.wav").chmod(0)
    result = run("file", tree, tmp_path / "out", "--model", toy_stream_model)
    assert result.returncode == 1 and "a.wav" in result.stderr and "2 denoised" in result.stdout


def test_a_named_pipe_in_a_folder_is_refused_instead_of_waited_for(tree, tmp_path):
    os.mkfifo(tree / "pipe.wav")
    result = run("file", tree, tmp_path / "out", "--mix", "0", timeout=100)
    assert result.returncode == 1 and "3 denoised" in result.stdout
    assert "pipe.wav is a pipe: give it as the only IN" in result.stderr


def test_a_full_disk_in_the_middle_of_a_batch(tree, tmp_path, toy_stream_model):
    """A limit on the file size stops the one large file, as a full disk does."""
    sf.write(tree / "b-large.wav", noise(480_000), 48_000)

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    out = tmp_path / "out"
    common = (tree, out, "--model", toy_stream_model)
    result = run("file", *common, preexec_fn=limit)
    assert result.returncode == 1 and "3 denoised" in result.stdout
    assert result.stderr.count("free some disk space") == 1 and "b-large.wav" in result.stderr
    assert names(out) == ["a.wav", "sub/b.flac", "sub/deeper/c.ogg"]  # no temporary files
    again = run("file", *common)
    assert again.returncode == 0 and "1 denoised (10.0 s), 3 skipped" in again.stdout


def test_an_unexpected_error_stops_one_file_only(tree, tmp_path, toy_stream_model, monkeypatch):
    denoiser = Denoiser(toy_stream_model)
    measured_file = denoiser.measured_file

    def fail(source: str, *rest: object) -> object:
        if source.endswith("b.flac"):
            raise ZeroDivisionError("division by zero")
        return measured_file(source, *rest)

    monkeypatch.setattr(denoiser, "measured_file", fail)
    tasks = plan_tasks(tree, tmp_path / "out")
    run_tasks(denoiser, tasks)
    assert [task.status for task in tasks] == ["done", "failed", "done"]
    assert "b.flac: unexpected error (ZeroDivisionError" in tasks[1].error
    assert "please report" in tasks[1].error


def test_files_of_macos_are_passed_over_and_told_once(tree, tmp_path, toy_stream_model):
    for name in ("._a.wav", "sub/._b.flac", "._orphan.mp3"):
        (tree / name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(4000))
    sf.write(tree / "._real.wav", noise(24_000), 48_000)
    result = run("file", tree, tmp_path / "out", "--model", toy_stream_model)
    assert result.returncode == 0 and "4 denoised" in result.stdout
    assert result.stderr.splitlines() == [
        "rtdenoise: warning: 3 files of macOS (._*) without sound passed over"
    ]


def test_lists_with_a_byte_order_mark_and_with_names_that_are_not_utf_8(tree, tmp_path):
    (tree / "a.wav").rename(tree / "caf\udce9.wav")
    (tree / "list").write_bytes(b"\xef\xbb\xbfcaf\xe9.wav\r\nsub/b.flac\r\n")
    assert [Path(task.file).name for task in plan_tasks(Path(f"@{tree}/list"), tmp_path / "o")] == [
        "caf\udce9.wav",
        "b.flac",
    ]
    (tree / "list").write_text("a.wav", encoding="utf-16")
    with pytest.raises(RtdenoiseError, match="not a readable list"):
        plan_tasks(Path(f"@{tree}/list"), tmp_path / "o")


def test_a_folder_in_the_place_of_an_output_is_no_finished_file(tree, tmp_path, toy_stream_model):
    (tmp_path / "out" / "a.wav").mkdir(parents=True)
    tasks = plan_tasks(tree, tmp_path / "out")
    run_tasks(Denoiser(toy_stream_model), tasks)
    assert [task.status for task in tasks] == ["failed", "done", "done"]
    assert "is a folder" in tasks[0].error
