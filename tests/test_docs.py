"""Links in the Markdown pages resolve, and the modules that their commands name exist."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
from pathlib import Path

import pytest

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


def test_the_python_page_runs():
    text = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) == 7
    for block in blocks:  # each asserts what it shows
        exec(compile(block, "docs/python.md", "exec"), {})
