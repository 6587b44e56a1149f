"""The microphone in the browser: a fake one in Chromium, whose takes are compared with Python's."""

from __future__ import annotations

import math
import re

import numpy as np
import soundfile as sf

from benchmarks.live.browser import FIGURES
from rtdenoise import Denoiser

RATE = 48_000


def test_a_take_has_the_samples_of_the_python_stream(open_page, tmp_path):
    page = open_page()
    page.page.click("#mic-tab")
    page.page.check("#record")
    page.page.check("#listen")
    page.page.click("#live")
    page.said("#running", "0:03")
    hop_time = page.page.inner_text("#hop-time")
    assert float(re.match(r"([\d.]+) ms of 10", hop_time)[1]) > 0
    assert re.match(r"\d+ ms$", page.page.inner_text("#latency"))
    assert "look-ahead and window 10" in page.page.inner_text("#latency-parts")
    figures = page.page.evaluate(FIGURES)
    assert figures["seconds"] >= 2.9 and 0 < figures["median_ms"] <= figures["p99_ms"]
    assert all(math.isfinite(value) for value in figures.values())
    page.page.click("#live")
    page.said("#live", "Start the microphone")
    page.page.click("#files-tab")
    page.drawn()
    page.download("#list .download", tmp_path / "wet.wav")
    page.set_slider("strength", 0)
    page.download("#list .download", tmp_path / "dry.wav")
    wet, dry = (sf.read(tmp_path / name, dtype="float32")[0] for name in ("wet.wav", "dry.wav"))
    assert len(dry) == len(wet) >= 2 * RATE and np.abs(dry).max() > 0.01
    hop = 480  # the dry sound is as late as the denoised: by the look-ahead, which is one hop
    assert not dry[:hop].any()
    stream = Denoiser(provider="cpu").stream(RATE, block=hop)
    expected = stream.write(dry[hop:])
    assert np.abs(wet[: len(expected)] - expected).max() < 1e-3
    assert np.sqrt(np.mean((wet - dry) ** 2)) > 1e-3  # the network did something


def test_a_refused_microphone_is_explained(open_page):
    page = open_page()
    # As browsers do where a person says no; Chromium's fake permission always says yes.
    page.page.evaluate(
        """() => { navigator.mediaDevices.getUserMedia = () =>
        Promise.reject(new DOMException("denied", "NotAllowedError")); }"""
    )
    page.page.click("#mic-tab")
    page.page.click("#live")
    page.said("#alert", "allow it for this page")
    assert page.page.inner_text("#live") == "Start the microphone"
