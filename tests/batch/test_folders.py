"""Folders, globs and lists: the tree is kept, existing outputs are skipped, bad files reported."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise.batch.folders import FileTask, plan_tasks, write_report
from rtdenoise.errors import RtdenoiseError
from tests.command import RTDENOISE, run

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
