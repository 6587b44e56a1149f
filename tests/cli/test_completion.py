"""Completion in shells, and colours: what a terminal gets besides the output itself."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.command import install_command, run

ROOT = Path(__file__).parents[2]
COLOUR = re.compile(r"\x1b\[(?:\d+;)*[34][0-9]m")  # a foreground or background colour


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """A program `rtdenoise` in a folder of its own, as an installation makes it."""
    return install_command(tmp_path / "bin")


def complete_in_bash(command: Path, *words: str) -> list[str]:
    """Return what bash offers for the last word, with the script that rtdenoise prints."""
    script = r"""
        eval "$(_RTDENOISE_COMPLETE=source_bash rtdenoise)"
        registered=$(complete -p rtdenoise)
        [[ $registered =~ -F\ ([A-Za-z0-9_]+) ]]
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "${BASH_REMATCH[1]}" rtdenoise
        printf '%s\n' "$registered" "${COMPREPLY[@]}"
    """
    path = f"{command.parent}:{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", "rtdenoise", *words],
        env={**os.environ, "PATH": path},
        cwd=command.parent,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0 and not result.stderr, result.stderr
    registered, *offered = result.stdout.splitlines()
    assert "-o default" in registered  # file names, where rtdenoise offers nothing
    return [word for word in offered if word]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["d"], ["devices", "doctor"]),
        (["file", "--mo"], ["--model"]),
        (["file", "--model", "ba"], ["baseline"]),
        (["live", "--provider", "c"], ["cuda", "cpu"]),
        (["file", "nois"], []),
    ],
)
def test_bash_completes_commands_options_and_values(command, words, offered):
    assert complete_in_bash(command, *words) == offered


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("zsh", ["compdef _rtdenoise_completion rtdenoise"]),
        ("fish", ["complete --command rtdenoise"]),
    ],
)
def test_other_shells_get_a_script(shell, words):
    result = run(env={**os.environ, "_RTDENOISE_COMPLETE": f"source_{shell}"}, cwd=ROOT)
    assert result.returncode == 0 and not result.stderr
    assert all(word in result.stdout for word in words)


def test_the_script_is_installed_where_bash_finds_it(tmp_path, command):
    env = {**os.environ, "HOME": str(tmp_path), "PATH": f"{command.parent}:{os.environ['PATH']}"}
    bash = ["bash", "--norc", "-c", "rtdenoise --install-completion; exit $?"]
    result = subprocess.run(bash, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    [script] = tmp_path.glob(".bash_completions/*")
    assert "rtdenoise" in script.read_text() and str(script) in (tmp_path / ".bashrc").read_text()


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colours_follow_no_color_and_force_color(variables, coloured):
    inherited = {k: v for k, v in os.environ.items() if not re.search("COLOR|GITHUB|^TERM$", k)}
    result = run("--help", env={**inherited, "TERM": "xterm-256color", **variables}, cwd=ROOT)
    assert result.returncode == 0 and "doctor" in result.stdout
    assert bool(COLOUR.search(result.stdout)) == coloured
