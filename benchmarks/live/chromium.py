"""Chromium with a fake microphone that plays a recording: for the benchmark, tests and pictures."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rtdenoise.errors import RtdenoiseError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# No request of Chromium's own: tests look at all that leaves.
QUIET = ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
QUIET += ["--disable-sync", "--disable-quic", "--disable-gpu"]
MICROPHONE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@contextmanager
def chromium(recording: Path) -> Iterator[Browser]:
    """Start Chromium, whose microphone plays `recording` in a loop and is always allowed.

    Raises RtdenoiseError if Chromium is not installed.
    """
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        raise RtdenoiseError("Chromium is not installed: apt-get install chromium")
    root = [] if getattr(os, "geteuid", lambda: 1)() else ["--no-sandbox"]
    source = f"--use-file-for-fake-audio-capture={recording.absolute()}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=[*QUIET, *MICROPHONE, source, *root]
        )
        yield browser
        browser.close()
