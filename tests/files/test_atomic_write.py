"""Temporary files: named within the limits of file systems, and gone whatever happens."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile as sf

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.files.atomic_write import (
    PART_NAME,
    create_part,
    incomplete,
    part_path,
    remove_stale_parts,
)
from rtdenoise.files.paths import write_hint
from tests.command import noise, only

ROOT = Path(__file__).parents[2]


def dead_process() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize("name", ["a.wav", "a", ".wav", "é" * 120 + ".wav", "x" * 251 + ".wav"])
def test_the_name_of_a_temporary_file(tmp_path, name):
    part = create_part(tmp_path / name)
    assert part.exists() and PART_NAME.match(part.name) and part.parent == tmp_path
    assert Path(name).suffix in part.name


def test_stale_temporary_files_of_this_output_are_removed(tmp_path):
    dead, running = dead_process(), os.getppid()
    stale, other, alive = (
        tmp_path / f".{name}.{number}.part"
        for name, number in (("a[1].wav", dead), ("b.wav", dead), ("a[1].wav", running))
    )
    for path in (stale, other, alive):
        path.touch()
    create_part(tmp_path / "a[1].wav").unlink()
    assert not stale.exists() and other.exists() and alive.exists()
    remove_stale_parts(tmp_path)
    assert not other.exists() and alive.exists()


def test_what_is_left_at_the_end_of_the_program_is_removed(tmp_path):
    code = (
        "import sys; from pathlib import Path; "
        "from rtdenoise.files.atomic_write import create_part; "
        "part = create_part(Path(sys.argv[1])); assert part.exists(); raise SystemExit(3)"
    )
    command = [sys.executable, "-c", code, tmp_path / "a.wav"]
    assert subprocess.run(command, cwd=ROOT).returncode == 3
    assert not os.listdir(tmp_path)


def test_the_cause_of_an_incomplete_file_is_found_out(tmp_path):
    (tmp_path / "part").symlink_to("/dev/full")
    error = incomplete(tmp_path / "a.wav", tmp_path / "part", RuntimeError("System error."))
    assert "No space left on device): free some disk space" in str(error)
    error = incomplete(tmp_path / "a.wav", part_path(tmp_path / "a.wav"), RuntimeError("bad codec"))
    assert "(bad codec) (the" in str(error)


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some disk space"),
        (errno.EACCES, "choose another folder"),
        (errno.EROFS, "choose another folder"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.EIO, ""),
    ],
)
def test_advice_is_given_only_where_it_helps(number, hint):
    text = write_hint(OSError(number, os.strerror(number)))
    assert text.removeprefix(": ") == hint


def test_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(RtdenoiseError, match="cannot be written"):
        create_part(tmp_path / "absent" / "a.wav")


@pytest.mark.parametrize("name", ["out.wav", "out.m4a"])
def test_a_symbolic_link_is_written_through(tmp_path, toy_stream_model, name):
    sf.write(tmp_path / "in.wav", noise(4800), 48_000)
    (tmp_path / "disk").mkdir()
    real, link = tmp_path / "disk" / "real.bin", tmp_path / name
    real.write_bytes(b"old")
    link.symlink_to(real)
    Denoiser(toy_stream_model).file(tmp_path / "in.wav", link, force=True)
    assert link.is_symlink() and real.stat().st_size > 100
    only(tmp_path, "in.wav", "disk", name)
    only(tmp_path / "disk", "real.bin")


def test_a_link_to_nothing_makes_the_file(tmp_path, toy_stream_model):
    sf.write(tmp_path / "in.wav", noise(4800), 48_000)
    (tmp_path / "out.wav").symlink_to("new.wav")
    Denoiser(toy_stream_model).file(tmp_path / "in.wav", tmp_path / "out.wav")
    assert (tmp_path / "out.wav").is_symlink() and sf.info(tmp_path / "new.wav").frames == 4800


def test_a_link_to_the_input_is_refused(tmp_path, toy_stream_model):
    sf.write(tmp_path / "in.wav", noise(4800), 48_000)
    (tmp_path / "out.wav").symlink_to("in.wav")
    with pytest.raises(RtdenoiseError, match="input itself"):
        Denoiser(toy_stream_model).file(tmp_path / "in.wav", tmp_path / "out.wav", force=True)


@pytest.mark.parametrize("name", ["out.wav", "out.mkv"])
def test_permissions(tmp_path, toy_stream_model, name):
    """A new file has those that the umask leaves; a replaced one keeps its own."""
    sf.write(tmp_path / "in.wav", noise(4800), 48_000)
    out, old = tmp_path / name, os.umask(0o007)
    try:
        Denoiser(toy_stream_model).file(tmp_path / "in.wav", out)
        assert stat.S_IMODE(out.stat().st_mode) == 0o660
        out.chmod(0o604)
        Denoiser(toy_stream_model).file(tmp_path / "in.wav", out, force=True)
        assert stat.S_IMODE(out.stat().st_mode) == 0o604
        if os.geteuid() == 0:
            os.chown(out, 1000, 1000)
            Denoiser(toy_stream_model).file(tmp_path / "in.wav", out, force=True)
            assert (out.stat().st_uid, out.stat().st_gid) == (1000, 1000)
    finally:
        os.umask(old)


def test_the_part_of_an_earlier_process_with_the_same_number_is_removed(tmp_path):
    """In a container, rtdenoise has the same process number at every start."""
    stale = tmp_path / f".old.wav.{os.getpid()}.part"
    stale.touch()
    own = part_path(tmp_path / "new.wav")
    own.touch()
    remove_stale_parts(tmp_path)
    only(tmp_path, own.name)
    own.unlink()
