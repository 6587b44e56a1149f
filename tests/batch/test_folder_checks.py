"""What is checked before a folder's work: IN, OUT, the report's place and the room on the disk."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
import soundfile as sf

from rtdenoise.batch.report import write_report
from rtdenoise.batch.tasks import FileTask, check_free_space, plan_tasks
from rtdenoise.errors import RtdenoiseError
from rtdenoise.files.paths import check_input
from tests.command import refused, run


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


def test_a_report_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(RtdenoiseError, match="cannot be written"):
        write_report(tmp_path / "no" / "r.csv", [FileTask("a", "b")])


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


def test_a_disk_that_is_too_small_is_known_before_work(tree, tmp_path, monkeypatch):
    tasks = plan_tasks(tree, tmp_path / "out")
    free = shutil.disk_usage(tmp_path)._replace(free=10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    with pytest.raises(RtdenoiseError, match=r"out needs about 0.0 MB, .* 0.0 MB left: free some"):
        check_free_space(tasks, tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.wav").touch()  # it is finished and needs no more room
    check_free_space(tasks, tmp_path / "out")
