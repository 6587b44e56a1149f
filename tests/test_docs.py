"""The Markdown pages: links resolve, code and commands run, or a comment says why not."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import soundfile as sf

from tests.command import install_command, noise

ROOT = Path(__file__).parents[1]
TRACKED = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()
PAGES = [ROOT / name for name in TRACKED]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
MODULE = re.compile(r"python -m ([a-z_][\w.]*)")
IMPORT = re.compile(r"^from (rtdenoise|train|export|benchmarks)(\S*) import (.+)$", re.M)
OWN = ("rtdenoise", "train", "export", "benchmarks")
PRESENT = [name for name in TRACKED if name != "CHANGELOG.md"]  # it names commands of their time


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return text.replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.M)}


def module_file(name: str) -> Path | None:
    """The file that `python -m name` runs, if it exists."""
    path = ROOT.joinpath(*name.split("."))
    files = [path.with_suffix(".py"), path / "__main__.py"]
    return next((file for file in files if file.is_file()), None)


def test_there_are_pages_to_check():
    assert {"README.md", "CHANGELOG.md", "docs/architecture.md"} <= set(TRACKED)


@pytest.mark.parametrize("page", PAGES, ids=TRACKED)
def test_relative_links_resolve(page):
    broken = []
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, fragment = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PRESENT)
def test_modules_that_commands_name_can_be_run(page):
    missing = []
    for name in MODULE.findall((ROOT / page).read_text(encoding="utf-8")):
        name = name.rstrip(".")
        if name.split(".")[0] in OWN:
            file = module_file(name)
            if file is None or '"__main__"' not in file.read_text(encoding="utf-8"):
                missing.append(name)
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=TRACKED)
def test_python_blocks_are_python_and_import_what_exists(page):
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S):
        ast.parse(block)
        for package, rest, names in IMPORT.findall(block):
            module = importlib.import_module(package + rest)
            assert all(hasattr(module, name.strip()) for name in names.split(","))


# A block on a page: perhaps a comment with the reason why no test runs it, then the code.
BLOCK = re.compile(
    r"^(?:<!-- (?P<why>not run|command): (?P<reason>[^\n]+) -->\n+)?"
    r"```(?P<language>\w+)\n(?P<code>.*?)^```",
    re.M | re.S,
)
GUIDES = [name for name in PRESENT if name.startswith("docs/") or "/" not in name]
Block = tuple[str, str, str, str | None]  # page, language, code, why it is not run


def blocks() -> list[Block]:
    """Return all blocks of code of the guides; what has no language is output or a drawing."""
    return [
        (page, found["language"], found["code"], found["why"] and found["reason"])
        for page in GUIDES
        for found in BLOCK.finditer((ROOT / page).read_text(encoding="utf-8"))
    ]


BLOCKS = blocks()
RUN = {
    language: [block for block in BLOCKS if block[1] == language and not block[3]]
    for language in ("python", "sh")
}


def name_of(block: Block) -> str:
    return f"{block[0]}: {block[2].strip().splitlines()[-1][:40]}"


def test_every_block_is_run_or_says_why_not():
    assert {language for _, language, _, _ in BLOCKS} == {"python", "sh"}
    opened = sum(
        len(re.findall(r"^```\w", (ROOT / page).read_text(encoding="utf-8"), re.M))
        for page in GUIDES
    )
    assert len(BLOCKS) == opened
    assert len(RUN["python"]) >= 8 and len(RUN["sh"]) >= 6
    assert all(reason is None or len(reason) > 2 for *_, reason in BLOCKS)


@pytest.mark.parametrize("block", RUN["python"], ids=name_of)
def test_python_blocks_run(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block[2], block[0], "exec"), {})  # each asserts what it shows


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the commands of the pages name, and the program `rtdenoise`."""
    folder = tmp_path_factory.mktemp("recordings")
    install_command(folder / "bin")
    (folder / "examples").mkdir()
    shutil.copy(ROOT / "examples/noisy.wav", folder / "examples")
    for name in ("noisy.wav", "clean.wav", "reference.wav", "recordings/a.wav", "takes/b.wav"):
        (folder / name).parent.mkdir(exist_ok=True)
        sf.write(folder / name, noise(48_000), 48_000)
    sf.write(folder / "talk.wav", noise(125 * 8000), 8000)
    sf.write(folder / "talk.mp3", noise(48_000), 48_000)
    (folder / "list.txt").write_text("noisy.wav\n")
    make = ["ffmpeg", "-loglevel", "error", "-i", "noisy.wav", "in.webm"]
    subprocess.run(make, cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("block", RUN["sh"], ids=name_of)
def test_shell_blocks_run(block, recordings, tmp_path):
    place = tmp_path / "place"
    shutil.copytree(recordings, place)
    if "compare" not in block[2]:
        (place / "clean.wav").unlink()
    env = {**os.environ, "PATH": f"{place / 'bin'}:{os.environ['PATH']}"}
    bash = ["bash", "-e", "-o", "pipefail", "-c", block[2]]
    result = subprocess.run(bash, cwd=place, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_commands_have_the_options_that_pages_give_them():
    """Also those in blocks that are not run."""
    import typer

    from rtdenoise.cli import app

    commands: Any = typer.main.get_command(app)
    seen = set()
    for page, language, code, _ in BLOCKS:
        for line in code.replace("\\\n", " ").splitlines() if language == "sh" else ():
            for call in re.findall(r"(?<![\w.-])rtdenoise ([a-z]+ [^|]*)", f"{line} "):
                words = shlex.split(call, comments=True)
                if not words or words[0] not in commands.commands:
                    continue  # an argument of another program, such as `docker run ... rtdenoise`
                known = {o for param in commands.commands[words[0]].params for o in param.opts}
                given = {word for word in words if re.match("--[a-z]", word)}
                assert given <= known | {"--help", "--debug"}, f"{page}: {line}"
                seen.add(words[0])
    assert seen >= {"file", "live", "compare", "devices", "latency", "info", "doctor"}
