"""Whatever happens, a person sees one line and no traceback; signals and closed streams too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile as sf

from rtdenoise.command import one_line, run_command
from rtdenoise.errors import RtdenoiseError
from tests.command import RTDENOISE, noise, refused, run

ROOT = Path(__file__).parents[1]


def call_of(error: BaseException):
    """Return a function that raises `error`."""

    def call() -> None:
        raise error

    return call


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    sf.write(tmp_path / "noisy.wav", noise(30_000), 48_000)
    return tmp_path / "noisy.wav"


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (RtdenoiseError("bad\ninput"), 2, "x: bad input"),
        (TypeError("two\nlines"), 1, "(TypeError: two lines, test_unexpected_errors.py:"),
        (AssertionError(), 1, "please report this with what --debug shows"),
        (MemoryError(), 1, "not enough memory"),
        (PermissionError(13, "Permission denied", "a\nb"), 2, "x: a b: Permission denied"),
        (OSError(28, "No space left on device"), 2, "x: No space left on device"),
        (ModuleNotFoundError("no", name="soxr"), 1, "'soxr' is not installed"),
        (KeyboardInterrupt(), None, "x: stopped by SIGINT"),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_an_error_is_one_line_and_debug_shows_all(error, code, word, debug, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x", *["--debug"] * debug])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises((SystemExit, KeyboardInterrupt)) as end:
        run_command("x", call_of(error))
    assert getattr(end.value, "code", None) == code
    shown = capsys.readouterr().err
    lines = shown.splitlines()
    assert word in lines[-1] and lines[-1].startswith("x: ")
    assert ("Traceback" in shown) == debug and (debug or len(lines) == 1), shown
    assert sys.argv == ["x"]


def test_debug_behind_two_dashes_is_a_file_name(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x", "--", "--debug"])
    run_command("x", lambda: None)
    assert sys.argv == ["x", "--", "--debug"]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_cleans_up_and_is_one_line(name, capsys, monkeypatch):
    cleaned = []

    def call() -> None:
        try:
            os.kill(os.getpid(), getattr(signal, name))
            raise AssertionError("the signal did nothing")
        finally:
            cleaned.append(name)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys, "argv", ["x"])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises((SystemExit, KeyboardInterrupt)) as end:
        run_command("x", call)
    assert capsys.readouterr().err == f"x: stopped by {name}\n" and cleaned
    assert name == "SIGINT" or end.value.code == 128 + getattr(signal, name)
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_that_comes_in_a_destructor_is_not_lost(name, capsys, monkeypatch):
    """Python ignores exceptions there, and would print a traceback."""

    class Kills:
        def __del__(self) -> None:
            os.kill(os.getpid(), getattr(signal, name))
            time.sleep(0)  # the handler runs here

    def call() -> None:
        Kills()
        time.sleep(20)
        raise AssertionError("the signal did nothing")

    monkeypatch.setattr(sys, "argv", ["x"])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        run_command("x", call)
    assert capsys.readouterr().err == f"x: stopped by {name}\n"


def test_an_ignored_signal_stays_ignored(monkeypatch):
    """`nohup rtdenoise ...` goes on when the terminal is closed."""
    monkeypatch.setattr(sys, "argv", ["x"])
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run_command("x", lambda: os.kill(os.getpid(), signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("swallowed", [True, False])
def test_ctrl_c_during_the_import_of_pyav(tmp_path, swallowed):
    """An extension module may turn the exception of an interrupt into an ImportError."""
    interrupt = "os.kill(os.getpid(), signal.SIGINT)"
    if swallowed:
        interrupt = f"try:\n    {interrupt}\nexcept BaseException:\n    raise ImportError('numpy')"
    (tmp_path / "av.py").write_text(f"import os, signal\n{interrupt}\n")
    (tmp_path / "in.mp4").write_bytes(b"no video")
    env = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    result = run("file", tmp_path / "in.mp4", tmp_path / "out.mp4", env=env)
    assert result.stderr == "rtdenoise: stopped by SIGINT\n"
    assert result.returncode == -signal.SIGINT


@pytest.mark.parametrize(
    ("code", "shown", "returned"),
    [
        ("raise ModuleNotFoundError('no', name='torch')", "torch is not installed: pip install", 2),
        ("os.kill(os.getpid(), signal.SIGINT)", "stopped by SIGINT", -signal.SIGINT),
        ("1 / 0", "unexpected error (ZeroDivisionError", 1),
    ],
)
@pytest.mark.parametrize("module", ["train.grow", "export"])
def test_an_import_that_fails_is_one_line(tmp_path, module, code, shown, returned):
    (tmp_path / "torch.py").write_text(f"import os, signal\n{code}\n")
    env = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", module, "--help"]
    result = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == returned, result.stderr
    assert result.stderr.count("\n") == 1 and shown in result.stderr


def test_one_line_is_printable_in_every_encoding():
    text = one_line("a\n b\x1b[2J\tcaf\udce9.wav \u2028é")
    assert text == r"a b\x1b[2J caf\xe9.wav é" and text.isprintable()


@pytest.mark.parametrize("closed", [(2,), (0, 2), (1, 2), (0, 1, 2)])
def test_closed_standard_streams_change_nothing(tmp_path, noisy, toy_stream_model, closed):
    def close() -> None:
        for number in closed:
            os.close(number)

    out, again = tmp_path / "a.wav", tmp_path / "b.wav"
    assert run("file", noisy, out, "--model", toy_stream_model).returncode == 0
    command = [*RTDENOISE, "file", noisy, again, "--model", toy_stream_model]
    assert subprocess.run(command, preexec_fn=close).returncode == 0
    assert again.read_bytes() == out.read_bytes()
    command = [*RTDENOISE, "file", tmp_path / "absent.wav", again]
    assert subprocess.run(command, preexec_fn=close).returncode == 2


def test_a_full_stdout_is_one_line():
    with open("/dev/full", "w") as full:
        result = run("info", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    refused(result, "No space left on device")


def test_a_reader_that_has_seen_enough_is_no_error():
    result = subprocess.run(
        f"{sys.executable} -m rtdenoise.cli --help | true",
        shell=True,
        executable="/bin/bash",
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert result.stderr == b""


def test_wrong_options_are_one_line():
    for arguments in (["file"], ["file", "a", "b", "c"], ["fly"], ["info", "--loud"]):
        refused(run(*arguments), "--help`)")


def test_libraries_do_not_chatter(tmp_path, toy_stream_model):
    sf.write(tmp_path / "in.mp3", noise(96_000), 48_000)
    content = bytearray((tmp_path / "in.mp3").read_bytes())
    content[4000:6000] = bytes(range(1, 201)) * 10  # a note on a wrong header, and an error
    (tmp_path / "in.mp3").write_bytes(content)
    command = ["file", tmp_path / "in.mp3", tmp_path / "out.wav", "--model", toy_stream_model]
    result = run(*command)
    assert "MPEG-Header" not in result.stderr and "libmpg123" not in result.stderr
    assert all(line.startswith("rtdenoise: ") for line in result.stderr.splitlines())
    result = run(*command, "--force", "--debug")
    assert (
        "MPEG-Header" in result.stderr or "libmpg123" in result.stderr
    )  # the file does make it chatter
