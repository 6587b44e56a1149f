"""Folders, globs and lists: the tree is kept, existing outputs are skipped, bad files reported."""

from __future__ import annotations

import csv
import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser
from rtdenoise.batch.caught_warnings import caught_warnings
from rtdenoise.batch.folders import (
    FileTask,
    check_free_space,
    plan_tasks,
    run_tasks,
    write_report,
)
from rtdenoise.batch.progress_screen import sum_up
from rtdenoise.errors import RtdenoiseError
from rtdenoise.files.paths import check_input
from tests.command import RTDENOISE, refused, run

RNG = np.random.default_rng(0)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    for name in ("a.wav", "sub/b.flac", "sub/deeper/c.ogg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        sf.write(folder / name, 0.1 * RNG.standard_normal(24_000), 48_000)
    (folder / "notes.txt").write_text("no audio")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


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
        sf.write(source / f"{i}.wav", 0.1 * RNG.standard_normal(48_000 * 60), 48_000)
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


@pytest.mark.parametrize("target", ["in", "in/out", "."])
def test_overlapping_folders_are_refused(tree, target):
    with pytest.raises(RtdenoiseError, match="overlap"):
        plan_tasks(tree, tree.parent / target)


def test_bad_batches_are_one_line_and_exit_2(tree, tmp_path, toy_stream_model):
    (tmp_path / "void").mkdir()
    for source, word in (
        ("void", "no audio files"),
        ("void/*.wav", "no audio files"),
        ("@void", "not a readable list"),
    ):
        name = f"@{tmp_path}/void" if source[0] == "@" else tmp_path / source
        result = run("file", name, tmp_path / "out", "--model", toy_stream_model)
        assert result.returncode == 2 and word in result.stderr, result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    result = run("file", tree / "a.wav", tmp_path / "x.wav", "--report", tmp_path / "r.csv")
    assert result.returncode == 2 and "--report" in result.stderr


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


def test_a_folder_that_cannot_be_read_is_reported(tree, tmp_path, monkeypatch):
    """Its files were left out without a word. Root reads every folder, so the system is faked."""
    closed = tree / "closed"
    closed.mkdir()
    scandir, access = os.scandir, os.access

    def refuse(path):
        if Path(path) == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(os, "access", lambda p, mode: Path(p) != closed and access(p, mode))
    tasks = plan_tasks(tree, tmp_path / "out")
    assert str(closed) in [task.file for task in tasks]
    with pytest.raises(RtdenoiseError, match=r"closed cannot be read.*change its permissions"):
        check_input(closed)
    with pytest.raises(RtdenoiseError, match=r"closed cannot be read.*change its permissions"):
        plan_tasks(closed, tmp_path / "out")


def test_a_named_pipe_in_a_folder_is_refused_instead_of_waited_for(tree, tmp_path):
    os.mkfifo(tree / "pipe.wav")
    result = run("file", tree, tmp_path / "out", "--mix", "0", timeout=100)
    assert result.returncode == 1 and "3 denoised" in result.stdout
    assert "pipe.wav is a pipe: give it as the only IN" in result.stderr


def test_a_report_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(RtdenoiseError, match="cannot be written"):
        write_report(tmp_path / "no" / "r.csv", [FileTask("a", "b")])


def test_a_full_disk_in_the_middle_of_a_batch(tree, tmp_path, toy_stream_model):
    """A limit on the file size stops the one large file, as a full disk does."""
    sf.write(tree / "b-large.wav", 0.1 * RNG.standard_normal(480_000), 48_000)

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


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_stopped_run_writes_its_report_and_leaves_nothing_behind(
    tmp_path, toy_stream_model, name
):
    source, out, report = tmp_path / "in", tmp_path / "out", tmp_path / "report.csv"
    source.mkdir()
    for i in range(4):
        sf.write(source / f"{i}.wav", 0.1 * RNG.standard_normal(48_000 * 60), 48_000)
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


def test_files_of_macos_are_passed_over_and_told_once(tree, tmp_path, toy_stream_model):
    for name in ("._a.wav", "sub/._b.flac", "._orphan.mp3"):
        (tree / name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(4000))
    sf.write(tree / "._real.wav", 0.1 * RNG.standard_normal(24_000), 48_000)
    result = run("file", tree, tmp_path / "out", "--model", toy_stream_model)
    assert result.returncode == 0 and "4 denoised" in result.stdout
    assert result.stderr.splitlines() == [
        "rtdenoise: warning: 3 files of macOS (._*) without sound passed over"
    ]


def test_what_can_be_known_is_checked_before_work(tree, tmp_path, toy_stream_model):
    (tmp_path / "file").touch()
    out = tmp_path / "out"
    for target, options, word in (
        ("file", [], "OUT must be a folder"),
        ("file/deeper", [], "is a file, not a folder"),
        ("out", ["--report", tmp_path / "absent" / "r.csv"], "absent of the report does not exist"),
        ("out", ["--report", tmp_path], "is a folder"),
        ("out", ["--report", out], "is a folder of OUT"),
        ("out", ["--report", "-"], "is no file"),
        ("out", ["--report", "/dev/stdout"], "is no file"),
        ("out", ["--report", "/dev/null"], "is no file"),
        ("out", ["--report", tree / "a.wav"], "is one of the recordings"),
        ("/proc/nothing", [], "/proc"),
    ):
        result = run("file", tree, tmp_path / target, *options, "--model", toy_stream_model)
        refused(result, word)
    assert not out.exists() and sf.info(tree / "a.wav").frames == 24_000


def test_a_report_in_an_out_that_does_not_exist_yet(tree, tmp_path, toy_stream_model):
    for name in ("r.csv", "reports/r.json"):
        out = tmp_path / f"out-{name[-3:]}"
        report = out / name
        result = run("file", tree, out, "--report", report, "--model", toy_stream_model, "--quiet")
        assert result.returncode == 0 and not result.stderr, result.stderr
        assert "a.wav" in report.read_text()


def test_a_disk_that_is_too_small_is_known_before_work(tree, tmp_path, monkeypatch):
    tasks = plan_tasks(tree, tmp_path / "out")
    free = shutil.disk_usage(tmp_path)._replace(free=10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    with pytest.raises(RtdenoiseError, match=r"out needs about 0.0 MB, .* 0.0 MB left: free some"):
        check_free_space(tasks, tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.wav").touch()  # it is finished and needs no more room
    check_free_space(tasks, tmp_path / "out")


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


def test_short_files_are_done_at_once_with_the_same_samples(tmp_path, toy_stream_model):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for i in range(40):
        sound = 0.1 * RNG.standard_normal((100 + 97 * i, 1 + i % 2))
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


def test_a_folder_in_the_place_of_an_output_is_no_finished_file(tree, tmp_path, toy_stream_model):
    (tmp_path / "out" / "a.wav").mkdir(parents=True)
    tasks = plan_tasks(tree, tmp_path / "out")
    run_tasks(Denoiser(toy_stream_model), tasks)
    assert [task.status for task in tasks] == ["failed", "done", "done"]
    assert "is a folder" in tasks[0].error
