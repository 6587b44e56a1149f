"""onnxruntime-web, fetched once, the page on a real server, and Chromium with a fake microphone."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from benchmarks.live.chromium import chromium
from rtdenoise.app import PageServer, Runtime, Site, build_site, find_runtime
from rtdenoise.app.runtime import CACHE_VARIABLE
from rtdenoise.errors import RtdenoiseError

ROOT = Path(__file__).parents[2]
NOISY = ROOT / "examples/noisy.wav"


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """onnxruntime-web from the user's cache, or fetched as `rtdenoise app --fetch-runtime` does."""
    try:
        return find_runtime()
    except RtdenoiseError:
        os.environ[CACHE_VARIABLE] = str(tmp_path_factory.mktemp("cache"))
    try:
        return find_runtime(fetch=True)
    except RtdenoiseError as error:
        pytest.skip(f"onnxruntime-web is not here and cannot be fetched: {error}")
    finally:
        del os.environ[CACHE_VARIABLE]


@pytest.fixture(scope="session")
def site(runtime: Runtime) -> Site:
    return build_site(runtime, max_mb=2)


@pytest.fixture(scope="session")
def url(site: Site) -> Iterator[str]:
    server = PageServer(site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.url
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; while it runs, Playwright keeps an event loop, in which other tests cannot."""
    try:
        with chromium(NOISY) as started:
            yield started
    except RtdenoiseError as error:
        assert not os.environ.get("CI"), "CI must install chromium: see .ci/run"
        pytest.skip(str(error))


class Watched:
    """A page that remembers what must not happen: script errors and requests to elsewhere."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.problems, self.foreign = page, [], []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda m: m.type == "error" and self.problems.append(m.text))
        page.on("request", lambda request: self._check(request.url, address))
        page.goto(address)
        page.wait_for_selector("body[data-ready]")

    def _check(self, requested: str, address: str) -> None:
        if not requested.startswith((address, "blob:", "data:")):
            self.foreign.append(requested)

    def choose(self, *files: Path) -> None:
        self.page.set_input_files("#choose", files)

    def wait_done(self, count: int = 1) -> None:
        self.page.wait_for_selector(f"#list > li:nth-child({count})")
        rest = "#list > li:not(.done):not(.failed)"
        self.page.wait_for_selector(rest, state="detached", timeout=120_000)

    def drawn(self) -> None:
        self.page.wait_for_selector('#file-view[data-drawn]:not([data-drawn=""])', timeout=60_000)

    def set_slider(self, name: str, value: float) -> None:
        self.page.locator(f"#{name}").fill(str(value))

    def download(self, button: str, target: Path) -> str:
        """Click on a button and save what it offers; returns the name that the page gave it."""
        with self.page.expect_download() as download:
            self.page.click(button)
        download.value.save_as(target)
        return download.value.suggested_filename

    def said(self, selector: str, text: str) -> None:
        """Wait until an element holds `text`."""
        self.page.locator(selector, has_text=text).wait_for(timeout=60_000)


@pytest.fixture
def open_page(browser: Browser, url: str) -> Iterator[object]:
    """Return a function that opens the page; afterwards nothing may have gone wrong in it."""
    opened: list[Watched] = []

    def open_one(address: str = url, **options: object) -> Watched:
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
        opened.append(Watched(page, address))
        return opened[-1]

    yield open_one
    for watched in opened:
        watched.page.close()
    assert not [problem for watched in opened for problem in watched.problems]
    assert not [address for watched in opened for address in watched.foreign]
