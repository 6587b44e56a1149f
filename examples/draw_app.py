"""Draw the pictures of the page in docs/images: a recording, and the microphone on a telephone.

    python -m examples.draw_app [FOLDER]     (pip install playwright; needs Chromium, and the page's
                                              `rtdenoise app --fetch-runtime` once)

The microphone is Chromium's fake one, which plays examples/noisy.wav.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from benchmarks.live.chromium import chromium
from rtdenoise.app import PageServer, build_site, find_runtime

ROOT = Path(__file__).parents[1]
NOISY = ROOT / "examples/noisy.wav"
COLOURS = 64  # of the PNG; more make it larger and look the same
LIVE_UNTIL = "0:12"  # of the page's clock: its moving pictures show 10 s
DESKTOP = {"width": 960, "height": 840}
TELEPHONE = {"width": 390, "height": 844}


def draw_files(browser: Browser, url: str, target: Path, scheme: str, size: dict[str, int]) -> None:
    """Denoise the example and take a picture of the page."""
    page = browser.new_page(viewport=size, color_scheme=scheme)
    page.goto(url)
    page.set_input_files("#choose", NOISY)
    page.wait_for_selector('#file-view[data-drawn="noisy.wav"]', timeout=120_000)
    page.locator("#position").fill("4.2")
    page.locator("#position").blur()
    save(page.screenshot(full_page=True), target)
    page.close()


def draw_live(browser: Browser, url: str, target: Path, scheme: str, size: dict[str, int]) -> None:
    """Run the microphone for a while and take a picture of the page."""
    page = browser.new_page(viewport=size, color_scheme=scheme)
    page.goto(url)
    page.click("#mic-tab")
    page.click("#live")
    page.locator("#running", has_text=LIVE_UNTIL).wait_for(timeout=120_000)
    save(page.screenshot(full_page=True), target)
    page.close()


def save(png: bytes, target: Path) -> None:
    """Write a small PNG."""
    target.write_bytes(png)
    Image.open(target).convert("RGB").quantize(COLOURS).save(target, optimize=True)


def main(folder: Path) -> None:
    """Draw all pictures."""
    server = PageServer(build_site(find_runtime()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with chromium(NOISY) as browser:
        draw_files(browser, server.url, folder / "app-files.png", "light", DESKTOP)
        draw_live(browser, server.url, folder / "app-live.png", "dark", TELEPHONE)
        if folder != ROOT / "docs/images":  # for a look at everything
            draw_files(browser, server.url, folder / "files-telephone.png", "dark", TELEPHONE)
            draw_files(browser, server.url, folder / "files-dark.png", "dark", DESKTOP)
            draw_live(browser, server.url, folder / "live-desktop.png", "light", DESKTOP)
    server.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/images")
