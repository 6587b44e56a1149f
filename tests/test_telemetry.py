"""rtdenoise speaks to nobody: no socket but the sound server's, no file but the user's own.

The commands run under strace, which shows every socket and every file that is opened for writing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest
import soundfile as sf

from tests.command import RTDENOISE, noise

ROOT = Path(__file__).parents[1]
WRITES = "openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,symlink,symlinkat,link,linkat"
# What PortAudio opens to search for devices. A name service or a host is none of these.
SOUND = re.compile(r'socket\(AF_(UNIX|NETLINK)|sun_path=@?"[^"]*(pulse|pipewire|jack)')
PYTHON = "import rtdenoise; rtdenoise.Denoiser().file('in.wav', 'out/py.wav')"
COMMANDS = {
    "file": [*RTDENOISE, "file", "in.wav", "out/a.wav"],
    "folder": [*RTDENOISE, "file", "folder", "out/tree", "--report", "out/report.csv"],
    "info": [*RTDENOISE, "info"],
    "python": [sys.executable, "-c", PYTHON],
    "live": [*RTDENOISE, "live", "--input", "in.wav", "--output", "none", "--seconds", "2"],
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with input files; out/ for output, tmp/ and home/ for TMPDIR and the settings."""
    for name in ("folder", "out", "tmp", "home"):
        (tmp_path / name).mkdir()
    sf.write(tmp_path / "in.wav", noise(48_000), 48_000)
    sf.write(tmp_path / "folder" / "a.wav", noise(48_000), 48_000)
    return tmp_path


def trace(place: Path, command: list[str], **environment: str) -> tuple[list[str], list[str]]:
    """Run a command in `place`; return its socket calls, and the paths that it wrote to."""
    _need_strace()
    kept = re.compile("(PATH|LANG|LC_|LD_|VIRTUAL_ENV|PULSE_|USER|PYENV)")
    # A CI's variables are left out: onnxruntime sends no telemetry where it finds one.
    env = {k: v for k, v in os.environ.items() if kept.match(k)}
    env |= {"HOME": str(place / "home"), "TMPDIR": str(place / "tmp"), "PYTHONPATH": str(ROOT)}
    env |= {"PYTHONDONTWRITEBYTECODE": "1"} | environment
    strace = ["strace", "-f", "-qq", "-y", "-o", "trace", "-e", f"trace=socket,connect,{WRITES}"]
    result = subprocess.run([*strace, *command], cwd=place, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    calls = (place / "trace").read_text(errors="replace").splitlines()
    sockets = [call for call in calls if re.search(r"\b(socket|connect)\(", call)]
    return sockets, [path for call in calls for path in _written(call, place)]


def _need_strace() -> None:
    command = ["strace", "-qq", "-o", os.devnull, "true"]
    if shutil.which("strace") and subprocess.run(command, capture_output=True).returncode == 0:
        return
    assert not os.environ.get("CI"), "CI must install strace: see .ci/run"
    pytest.skip("strace is not installed, or may not trace processes here")


def _written(call: str, place: Path) -> list[str]:
    """Return the paths that a successful call of `strace -y` creates or opens for writing."""
    name = re.search(r"\b(\w+)\(", call)
    if not name or " = -1 " in call or name[1] not in WRITES.split(","):
        return []
    if name[1].startswith("open") and not re.search("O_WRONLY|O_RDWR|O_CREAT", call):
        return []
    folder = re.search(r"\((?:AT_FDCWD|\d+)<([^>]*)>", call)
    paths = re.findall(r'"([^"]*)"', call)
    return [os.path.normpath(place / (folder[1] if folder else "") / path) for path in paths]


def unexpected(paths: list[str], place: Path) -> list[str]:
    """Return the paths outside of OUT, TMPDIR, the settings of rtdenoise and PulseAudio, /dev."""
    own = [place / name for name in ("out", "tmp", "home/.config/rtdenoise", "home/.config/pulse")]
    parents = {str(parent) for folder in own for parent in (folder, *folder.parents)}
    inside = tuple(f"{folder}/" for folder in (*own, "/dev"))
    return [path for path in paths if not (path in parents or path.startswith(inside))]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_opens_no_socket_and_writes_only_the_users_files(place, name):
    sockets, paths = trace(place, COMMANDS[name])
    assert not unexpected(paths, place)
    assert not [call for call in sockets if name != "live" or not SOUND.search(call)]
    if name not in ("info", "live"):
        assert any(path.startswith(str(place / "out")) for path in paths)  # the trace sees writes


def test_the_trace_shows_telemetry_and_the_users_own_setting_stays(place):
    if tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 29):
        pytest.skip("this onnxruntime has no telemetry on Linux")
    _, paths = trace(place, COMMANDS["info"], ORT_DISABLE_TELEMETRY="0")
    assert unexpected(paths, place)


@pytest.mark.parametrize("package", ["rtdenoise", "train", "export", "benchmarks"])
def test_every_package_disables_telemetry_before_onnxruntime_is_imported(package):
    code = (
        f"import {package}, os, sys; assert not {{'onnxruntime', 'ray'}} & set(sys.modules); "
        "print(os.environ['ORT_DISABLE_TELEMETRY'], os.environ['RAY_USAGE_STATS_ENABLED'])"
    )
    unset = {k: v for k, v in os.environ.items() if not k.startswith(("ORT_", "RAY_"))}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=unset, capture_output=True, text=True
    )
    assert result.stdout.split() == ["1", "0"], result.stderr
