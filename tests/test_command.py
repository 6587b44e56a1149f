"""Wrong options of every module command are one line on stderr and exit code 2."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from benchmarks.__main__ import app as application
from benchmarks.commands import COMMANDS
from export import triton
from export.__main__ import export
from rtdenoise.command import run_app
from train.data import download, packing, shards
from train.examples import examples
from train.grow import grow

# Wording of ranges and numbers is typer's and differs between its versions.
WRONG = [
    ("export absent.pth x.onnx", "'absent.pth' does not exist"),
    ("export pyproject.toml pyproject.toml/x", "not a folder that can be written"),
    ("export pyproject.toml x.onnx --form whole", "'whole' is unknown: use one of segment"),
    ("export pyproject.toml x.onnx --precision fp8", "'fp8' is unknown: use one of fp32"),
    ("export pyproject.toml x.onnx --metrics-json absent.json", "'absent.json' does not exist"),
    ("export pyproject.toml", "Missing argument"),
    ("export.triton pyproject.toml x --hop-ms nan", "--hop-ms"),
    ("export.triton pyproject.toml x --streams 0", "--streams"),
    ("train.grow absent.pth x.pth", "'absent.pth' does not exist"),
    ("train.grow pyproject.toml pyproject.toml/x", "not a folder that can be written"),
    ("train.grow pyproject.toml x.pth --channels -3", "--channels"),
    ("train.grow pyproject.toml x.pth --block 0", "--block"),
    ("train.examples absent x", "'absent' does not exist"),
    ("train.examples tests pyproject.toml", "is a file"),
    ("train.examples tests x --count 0", "--count"),
    ("train.examples tests x --seconds nan", "--seconds"),
    ("train.examples tests x --seed -1", "--seed"),
    ("train.data.packing absent x", "'absent' does not exist"),
    ("train.data.packing tests pyproject.toml/x", "not a folder that can be written"),
    ("train.data.packing tests x --validation nan", "--validation"),
    ("train.data.packing tests x --validation 1", "--validation"),
    ("train.data.packing tests x --least-range -1", "--least-range"),
    ("train.data.packing tests x --jobs 0", "--jobs"),
    ("train.data.shards absent x", "'absent' does not exist"),
    ("train.data.shards tests x --codec mp3", "'mp3' is unknown: use one of flac, opus"),
    ("train.data.download musan x --registry absent", "'absent' does not exist"),
    ("train.data.download musan pyproject.toml", "is a file"),
    ("benchmarks speed", "No such command 'speed'"),
    ("benchmarks quality absent", "'absent' does not exist"),
    ("benchmarks quality tests --workers 0", "--workers"),
    ("benchmarks soak --minutes nan", "--minutes"),
    ("benchmarks soak --minutes 0", "--minutes"),
    ("benchmarks soak --hop-ms inf", "inf is not a finite number"),
    ("benchmarks soak --drift-ppm 2000", "--drift-ppm"),
    ("benchmarks soak absent.wav", "'absent.wav' does not exist"),
    ("benchmarks soak --out pyproject.toml/x", "not a folder that can be written"),
    ("benchmarks heldout absent", "'absent' does not exist"),
    ("benchmarks heldout pyproject.toml", "is a file"),
    ("benchmarks heldout tests --clips 0", "--clips"),
    ("benchmarks heldout tests --workers 0", "--workers"),
    ("benchmarks heldout tests --cache pyproject.toml", "is a file"),
    ("benchmarks heldout tests --cache pyproject.toml/x", "not a folder that can be written"),
    ("benchmarks heldout tests --out pyproject.toml/x", "not a folder that can be written"),
    ("benchmarks heldout tests --deepfilternet2 absent.gz", "'absent.gz' does not exist"),
    ("benchmarks bakeoff tests tests --minutes -1", "--minutes"),
    ("benchmarks latency --minutes -1", "--minutes"),
    ("benchmarks latency --minute 1", "No such option"),
    ("benchmarks latency --minutes x", "--minutes"),
    ("benchmarks diagnose tests --batches 0", "--batches"),
    ("benchmarks losses tests --batches 0", "--batches"),
    ("benchmarks training --network big", "'big' is unknown: use one of default"),
    ("benchmarks training --device gpu", "unknown device 'gpu'"),
    ("benchmarks precision absent.pth tests", "'absent.pth' does not exist"),
    ("benchmarks readme absent.md", "'absent.md' does not exist"),
]


@pytest.mark.parametrize(("line", "message"), WRONG)
def test_a_wrong_option_is_one_line_and_exit_code_2(line, message, capsys, monkeypatch):
    module, *arguments = line.split()
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    with pytest.raises(SystemExit) as end:
        _main(module)()
    lines = capsys.readouterr().err.splitlines()
    assert end.value.code == 2 and len(lines) == 1, lines
    assert lines[0].startswith(f"{module}: ") and message in lines[0]


def _main(module: str) -> Callable[[], None]:
    """Return the function that `python -m module` runs."""
    name = f"{module}.__main__" if module in ("benchmarks", "export") else module
    return importlib.import_module(name).main


BENCHMARKS = " ".join(f.__name__.replace("_", "-") for group in COMMANDS.values() for f in group)


FUNCTIONS = {
    "export": export,
    "export.triton": triton.export,
    "train.grow": grow,
    "train.examples": examples,
    "train.data.packing": packing.pack,
    "train.data.shards": shards.shards,
    "train.data.download": download.download,
}


@pytest.mark.parametrize("line", [*FUNCTIONS, *BENCHMARKS.split()])
def test_help_explains_and_groups_every_option(line, capsys, monkeypatch):
    module, arguments = (line, []) if line in FUNCTIONS else ("benchmarks", [line])
    monkeypatch.setattr(sys, "argv", [module, *arguments, "--help"])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as end:
        _main(module)()
    assert end.value.code == 0
    shown = capsys.readouterr().out
    command = typer.main.get_command(_application(module))
    for parameter in (command.commands[line] if arguments else command).params:
        name = parameter.opts[0]
        assert name.strip("-") and parameter.help, (line, name)
        assert name in shown or parameter.metavar.strip("[]") in shown, (line, name)
        is_option = name.startswith("-") and name != "--help"
        assert not is_option or f" {parameter.rich_help_panel} " in shown, (line, name)


def _application(module: str) -> typer.Typer:
    if module == "benchmarks":
        return application
    app = typer.Typer(add_completion=False)
    app.command()(FUNCTIONS[module])
    return app


def test_without_a_name_the_benchmarks_are_listed():
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0 and all(name in result.stdout for name in BENCHMARKS.split())
    positions = [result.stdout.index(f" {group} ") for group in COMMANDS]
    assert positions == sorted(positions)


def test_exit_codes_of_a_command_are_kept(monkeypatch):
    app = typer.Typer(add_completion=False)

    @app.command()
    def fail() -> None:
        raise typer.Exit(3)

    monkeypatch.setattr(sys, "argv", ["fail"])
    with pytest.raises(SystemExit) as end:
        run_app("fail", app)
    assert end.value.code == 3
