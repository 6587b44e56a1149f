"""`rtdenoise doctor` on this machine and on broken ones: a report, never a traceback."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import rtdenoise
from rtdenoise.doctor import Finding, as_lines, exit_code, installation
from rtdenoise.doctor.installation import needed_by_extras
from rtdenoise.doctor.isolation import IsolatedCheck
from tests.command import run

ROOT = Path(__file__).parents[2]


def examine(**environment: str) -> tuple[subprocess.CompletedProcess, dict[str, dict]]:
    """Run `doctor --json`; return the process and its checks by name."""
    result = run("doctor", "--json", cwd=ROOT, env={**os.environ, **environment})
    assert "Traceback" not in result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert report["version"] == rtdenoise.__version__
    assert report["works"] == (result.returncode == 0)
    return result, {check["name"]: check for check in report["checks"]}


def test_a_machine_with_a_sound_server(rig):
    result, checks = examine(**rig.env)
    assert result.returncode == 0 and not result.stderr
    for name in ("devices", "settings", "sound server", "model"):
        assert checks[name]["state"] == "ok", checks[name]
    # A warning where another package of the test environment brought a second onnxruntime.
    assert checks["packages"]["state"] in ("ok", "warning"), checks["packages"]
    assert any("virtmic" in d["name"] for d in checks["devices"]["details"]["devices"])
    assert checks["sound server"]["details"]["default_input"] == "vmic"
    assert checks["packages"]["details"]["versions"]["numpy"]
    assert checks["model"]["details"]["card"]["name"] == "default"
    speed = checks["denoising"]["details"]
    assert speed["removed_db"] > 20 and speed["real_time_factor"] > 0
    assert 0 < speed["live_hop_ms"]["median"] <= speed["live_hop_ms"]["longest"]
    assert "CPUExecutionProvider" in checks["cuda"]["details"]["available_providers"]


# What stands in place of a package, and the checks that this breaks with a word of each.
BROKEN = {
    "no PortAudio": (
        {"sounddevice": "raise OSError('PortAudio library not found')"},
        {"devices": ("absent", "PortAudio library is missing", "libportaudio2")},
    ),
    "no libpulse": (
        {"pulsectl": "raise OSError('libpulse.so.0: cannot open shared object file')"},
        {"sound server": ("absent", "libpulse.so.0 is missing", "apt-get install libpulse0")},
    ),
    "no sounddevice, no pulsectl": (
        {
            "sounddevice": "raise ModuleNotFoundError('no', name='sounddevice')",
            "pulsectl": "raise ImportError('no')",
        },
        {
            "devices": ("absent", "'sounddevice' is not installed", ""),
            "sound server": ("absent", "needs pulsectl", "pip install pulsectl"),
        },
    ),
    "an onnxruntime that crashes": (
        {"onnxruntime": "import os; os.abort()"},
        {
            "packages": ("broken", "SIGABRT", "install rtdenoise again"),
            "cuda": ("broken", "SIGABRT", ""),
            "model": ("broken", "SIGABRT", ""),
        },
    ),
    "a numpy that ends Python": (
        {"numpy": "import sys; print('noise'); sys.exit(3)"},
        {
            "packages": ("broken", "numpy: unexpected error (SystemExit", "reinstall numpy=="),
            "model": ("broken", "SystemExit", ""),
        },
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_machine_gives_a_report(tmp_path, case):
    modules, expected = BROKEN[case]
    for name, code in modules.items():
        (tmp_path / f"{name}.py").write_text(code)
    (tmp_path / "home").write_text("a file where the settings folder belongs")
    folders = {name: str(tmp_path / "home") for name in ("HOME", "XDG_CONFIG_HOME")}
    result, checks = examine(
        PYTHONPATH=f"{tmp_path}:{ROOT}", PULSE_SERVER=f"unix:{tmp_path}/none", **folders
    )
    needed = any(state == "broken" for state, _, _ in expected.values())
    assert result.returncode == int(needed) and not result.stderr
    for name, (state, problem, advice) in expected.items():
        check = checks[name]
        assert check["state"] == state, check
        assert problem in check["text"] and advice in check["advice"], check
    if "settings" in checks and checks["settings"]["state"] != "broken":
        assert "not a folder that can be written to" in checks["settings"]["text"]


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (functools.partial(time.sleep, 60), "no answer in 1 s"),
        (os.abort, "the check crashed (SIGABRT)"),
        (functools.partial(os._exit, 7), "the check crashed (exit code 7)"),
        (functools.partial(sys.exit, "no"), "unexpected error (SystemExit: no"),
    ],
)
def test_a_check_that_hangs_or_crashes_is_a_finding(check, text):
    [finding] = IsolatedCheck("x", check, timeout=1 if "answer" in text else 60).findings()
    assert (finding.name, finding.state) == ("x", "broken") and text in finding.text


def test_text_names_what_to_mend_and_the_exit_code_what_is_broken():
    broken = Finding("devices", "broken", "two\nlines", "mend\tit")
    problem, advice = as_lines(broken)
    assert problem.startswith("BROKEN  devices") and problem.endswith("two lines")
    assert advice.strip() == "-> mend it"
    absent = Finding("cuda", "absent", "none")
    assert len(as_lines(absent)) == 1
    assert (exit_code([absent]), exit_code([absent, broken])) == (0, 1)


def test_the_text_report():
    result = run("doctor", cwd=ROOT)
    assert result.returncode == 0, result.stdout
    assert result.stdout.endswith("All that is needed works.\n")
    assert f"rtdenoise       {rtdenoise.__version__}" in result.stdout


def test_the_advice_names_a_package_of_the_index_and_its_version(monkeypatch):
    """rtdenoise itself is on no index: `pip install rtdenoise` would find nothing of ours."""
    monkeypatch.setattr(installation, "_version", {"onnxruntime": "1.23.2"}.get)
    assert installation._reinstall("onnxruntime").endswith("--force-reinstall onnxruntime==1.23.2")
    assert installation._reinstall("soxr").endswith("--force-reinstall soxr")


def test_extras_are_read_from_the_metadata():
    lines = [
        "numpy>=1",
        "av<20,>=17; extra == 'av'",
        'torch~=2.11; extra == "train"',
        "onnxruntime-gpu[cuda,cudnn]<2; extra == 'cuda'",
        "rtdenoise[train,av]; extra == 'test'",
        "pytest; extra == 'test'",
    ]
    found = needed_by_extras(lines)
    assert found["av"] == {"av"} and found["cuda"] == {"onnxruntime-gpu[cuda,cudnn]"}
    assert found["test"] == {"torch", "av", "pytest"}


def test_an_extra_of_a_package_counts_only_with_what_it_needs(monkeypatch):
    versions = {"onnxruntime-gpu": "1", "cudnn": "9"}
    requires = {"onnxruntime-gpu": ["cuda-runtime; extra == 'cuda'", "cudnn; extra == 'cudnn'"]}
    monkeypatch.setattr(installation, "_version", versions.get)
    monkeypatch.setattr(installation.metadata, "requires", requires.get)
    assert not installation._is_installed("onnxruntime-gpu[cuda,cudnn]")
    assert installation._is_installed("onnxruntime-gpu[cudnn]")
    versions["cuda-runtime"] = "13"
    assert installation._is_installed("onnxruntime-gpu[cuda,cudnn]")
    assert not installation._is_installed("av")
