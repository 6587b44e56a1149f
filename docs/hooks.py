"""Hooks of the documentation site (mkdocs.yml).

The pages link to files of the repository, so that they also work where the repository is browsed.
The site gets a copy of each linked file, below `project/`, and a list of all commands.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

DOCS = Path(__file__).parent
ROOT = DOCS.parent
FOLDER = "project"  # where the site has its copies
ALWAYS = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "rtdenoise/models/MODEL_CARD.md")
LINK = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")
TEXT_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#]+)\)")
FENCE = re.compile(r"(^```.*?^```[^\n]*$)", re.M | re.S)
COMMANDS = "<!-- commands -->"  # where a page wants all commands with their options

_sources: dict[str, Path] = {}  # the file behind each page and each copy, by its path in the site


def on_files(files: Files, config: Any) -> Files:
    """Add the linked files of the repository."""
    _sources.clear()
    for page in files.documentation_pages():
        _sources[page.src_uri] = Path(page.abs_src_path or "")
    waiting = [*_sources.values(), *(ROOT / name for name in ALWAYS)]
    for path in waiting:
        for target in [path, *_linked(path)]:
            uri = _uri(target)
            if uri not in _sources and target.is_file() and not target.is_relative_to(DOCS):
                _sources[uri] = target
                files.append(File.generated(config, uri, abs_src_path=str(target)))
                waiting.append(target)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links go to the copies; links to folders become text. Fill in the commands."""
    if COMMANDS in markdown:
        markdown = markdown.replace(COMMANDS, commands())
    source = _sources.get(page.file.src_uri)
    if source is None:
        return markdown
    parts = FENCE.split(markdown)
    parts[::2] = [_with_links(part, source, page.file.src_uri) for part in parts[::2]]
    return "".join(parts)


def _with_links(text: str, source: Path, uri: str) -> str:
    def replaced(found: re.Match[str]) -> str:
        target = _resolve(source, found[1])
        if target is None or not target.is_file():
            return found[0]
        return posixpath.relpath(_uri(target), posixpath.dirname(uri)) + (found[2] or "")

    def flattened(found: re.Match[str]) -> str:
        target = _resolve(source, found[2])
        return found[1] if target is not None and target.is_dir() else found[0]

    return LINK.sub(replaced, TEXT_LINK.sub(flattened, text))


def _linked(path: Path) -> Iterator[Path]:
    """Yield the files that a Markdown page links to."""
    if path.suffix == ".md":
        text = "".join(FENCE.split(path.read_text(encoding="utf-8"))[::2])
        targets = (_resolve(path, found[1]) for found in LINK.finditer(text))
        yield from (target for target in targets if target is not None)


def _resolve(page: Path, link: str) -> Path | None:
    """Return the file of the repository that a relative link leads to."""
    if "://" in link or link.startswith("mailto:"):
        return None
    target = (page.parent / link).resolve()
    return target if target.is_relative_to(ROOT) else None


def _uri(path: Path) -> str:
    """Return where the site has a file."""
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    return f"{FOLDER}/{path.relative_to(ROOT).as_posix()}"


def commands() -> str:
    """Return all commands with their options as Markdown, from what `--help` shows."""
    import typer
    from typer.cli import get_docs_for_click

    from rtdenoise.cli import app

    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="rtdenoise")
    text = get_docs_for_click(obj=command, ctx=context, name="rtdenoise")
    return text.partition("\n")[2]  # without its title
