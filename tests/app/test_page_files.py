"""Recordings in the browser: real clicks in Chromium, samples compared with Python's."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser

ROOT = Path(__file__).parents[2]
RATE = 48_000


def read(path: Path) -> np.ndarray:
    samples, rate = sf.read(path, dtype="float32", always_2d=True)
    assert rate == RATE
    return samples


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    return read(ROOT / "examples/noisy.wav")[: 3 * RATE]


def test_a_recording_gets_the_samples_of_python(open_page, tmp_path, voice):
    sf.write(tmp_path / "a.wav", voice, RATE)
    page = open_page()
    page.choose(tmp_path / "a.wav")
    page.wait_done()
    assert page.download("#list .download", tmp_path / "out.wav") == "a-denoised.wav"
    assert sf.info(tmp_path / "out.wav").subtype == "PCM_24"
    expected = Denoiser(provider="cpu")(read(tmp_path / "a.wav"), RATE)
    assert np.abs(read(tmp_path / "out.wav") - expected).max() < 1e-3
    page.drawn()


def test_stereo_strength_level_and_16_bits(open_page, tmp_path, voice):
    stereo = np.concatenate([voice, voice[::-1] * 0.5], axis=1)[:47_111]  # no whole hops
    sf.write(tmp_path / "b.wav", stereo, RATE)
    page = open_page()
    page.choose(tmp_path / "b.wav")
    page.wait_done()
    page.set_slider("strength", 40)
    page.set_slider("gain", -6)
    page.page.select_option("#format", "16")
    page.download("#list .download", tmp_path / "out.wav")
    assert sf.info(tmp_path / "out.wav").subtype == "PCM_16"
    denoiser = Denoiser(provider="cpu", mix=0.4, gain_db=-6)
    expected = denoiser(read(tmp_path / "b.wav"), RATE)
    assert np.abs(read(tmp_path / "out.wav") - expected).max() < 1e-3


def test_a_batch_with_bad_files_and_one_archive(open_page, tmp_path, voice):
    short = voice[:RATE]
    for name, rate in (("é 1.wav", RATE), ("two.flac", 16_000), ("three.wav", 44_100)):
        sf.write(tmp_path / name, short[:, 0], rate)
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "large.wav").write_bytes(bytes(3_000_000))
    page = open_page()
    page.choose(*sorted(tmp_path.iterdir()))
    page.wait_done(6)
    page.said("#batch-title", "3 of 6 denoised, 3 failed")
    for problem in ("cannot decode it", "the file is empty", "takes at most 2.0 MB"):
        page.said("#list .failed", problem)
    page.download("#download-all", tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        names = [f"{name}-denoised.wav" for name in ("three", "two", "é 1")]
        assert sorted(archive.namelist()) == sorted(names)
        for name, length in zip(names, (48_000 * 48 / 44.1, 3 * 48_000, 48_000), strict=True):
            with archive.open(name) as file:
                assert abs(len(sf.read(file)[0]) - length) < 2


def test_files_can_be_dropped(open_page):
    page = open_page()
    page.page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["no sound"], "dropped.wav"));
          const event = new DragEvent("drop", { dataTransfer: data, bubbles: true });
          document.querySelector("#drop").dispatchEvent(event);
        }"""
    )
    page.said("#list .failed", "cannot decode it")
    page.page.click("[aria-label='Remove dropped.wav']")
    assert not page.page.is_visible("#batch")
