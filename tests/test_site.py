"""The documentation site: built with warnings as errors, and loading nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import rtdenoise

ROOT = Path(__file__).parents[1]


class Loaded(HTMLParser):
    """Collects what a browser loads with a page, and where its links lead."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("script", "img", "iframe", "audio", "video", "source"):
            self.loads.append(values.get("src") or "")
        if tag == "link" and values.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(values.get("href") or "")
        if tag == "a":
            self.links.append(values.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def test_pages_load_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        loads = Loaded(page).loads
        assert not [address for address in loads if re.match("(https?:)?//", address)], page
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert not re.search(r"url\(['\"]?(https?:)?//", styles)


def test_links_within_the_site_resolve(site):
    broken = []
    for page in site.rglob("*.html"):
        for link in Loaded(page).links:
            name = link.partition("#")[0].partition("?")[0]
            if name and not re.match(r"[a-z]+:|//", name) and page.name != "404.html":
                if not (page.parent / name).exists():
                    broken.append(f"{page.relative_to(site)}: {link}")
    assert not broken


def test_the_reference_has_every_public_name_with_its_docstring(site):
    text = (site / "reference.html").read_text(encoding="utf-8")
    for name in rtdenoise.__all__:
        if name != "__version__":
            assert f'id="rtdenoise.{name}"' in text, name
    for adapter in (
        *("pipecat.DenoiseFilter", "livekit.DenoiseProcessor"),
        *("aiortc.DenoiseTrack", "data.DenoiseTransform"),
    ):
        assert f'id="rtdenoise.integrations.{adapter}"' in text, adapter
    assert "Denoise a file of any length in constant memory" in text
    commands = (site / "reference-commands.html").read_text(encoding="utf-8")
    assert "rtdenoise doctor" in commands and "--limit-db" in commands


def test_pages_of_the_repository_are_part_of_the_site(site):
    for name in ("CONTRIBUTING.html", "CHANGELOG.html", "benchmarks/results/quality.html"):
        assert (site / "project" / name).is_file()
    assert (site / "project/examples/denoise_array.py").read_bytes() == (
        ROOT / "examples/denoise_array.py"
    ).read_bytes()
