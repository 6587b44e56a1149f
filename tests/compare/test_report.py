"""`rtdenoise compare`: one self-contained HTML page."""

from __future__ import annotations

import base64
import io
import os
import re
from pathlib import Path

import numpy as np
import soundfile as sf

from tests.command import noise, only, refused, run

ROOT = Path(__file__).parents[2]


def write(path: Path, audio: np.ndarray, rate: int = 48_000) -> Path:
    sf.write(path, audio, rate, subtype="FLOAT")
    return path


def test_the_page_holds_pictures_sounds_and_levels(tmp_path):
    before = noise(96_000, 2)
    noisy, denoised = (
        write(tmp_path / n, x) for n, x in (("a.wav", before), ("b.wav", before / 10))
    )
    page = tmp_path / "report.html"
    result = run("compare", noisy, denoised, page)
    assert result.returncode == 0 and "20.0 dB removed" in result.stdout, result
    text = page.read_text()
    assert not re.search(r'(src|href)="(?!data:)', text)  # no links to other files
    sounds = re.findall(r"data:audio/flac;base64,([^\"]+)", text)
    audio = [sf.read(io.BytesIO(base64.b64decode(s)), dtype="float32")[0] for s in sounds]
    for got, expected in zip(audio, (before, before / 10, 0.9 * before), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-4)
    pictures = [base64.b64decode(s) for s in re.findall(r"data:image/png;base64,([^\"]+)", text)]
    assert len(pictures) == 3 and all(p.startswith(b"\x89PNG") for p in pictures)
    assert text.count("<polyline") == 2 and "removed, dB" in text and "PESQ" not in text


def test_with_the_clean_recording_there_are_metrics(tmp_path):
    speech, rate = sf.read(ROOT / "examples/noisy.wav", dtype="float32")
    worse = speech + 0.1 * noise(len(speech))[:, 0]
    paths = [write(tmp_path / n, x, rate) for n, x in (("n.wav", worse), ("d.wav", speech))]
    result = run("compare", *paths, tmp_path / "r.html", "--clean", ROOT / "examples/noisy.wav")
    assert result.returncode == 0, result
    scores = re.search(
        r"PESQ-WB</td><td>([\d.]+)</td><td>([\d.]+)", (tmp_path / "r.html").read_text()
    )
    assert float(scores[1]) < float(scores[2]) and float(scores[2]) > 4.5


def test_recordings_that_differ_are_refused(tmp_path):
    a, b = write(tmp_path / "a.wav", noise(4800)), write(tmp_path / "b.wav", noise(4801))
    page = tmp_path / "r.html"
    refused(run("compare", a, b, page), "does not match", "same length")
    refused(run("compare", a, tmp_path / "none.wav", page), "does not exist")
    page.write_text("mine")
    refused(run("compare", a, a, page), "--force")
    assert page.read_text() == "mine"
    only(tmp_path, "a.wav", "b.wav", "r.html")


def test_a_short_and_silent_recording(tmp_path):
    a = write(tmp_path / "a.wav", np.zeros((10, 1), "f"), 8000)
    assert run("compare", a, a, tmp_path / "r.html").returncode == 0


def test_names_that_are_not_utf_8_and_stdout(tmp_path):
    name = tmp_path / os.fsdecode(b"caf\xe9.wav")
    write(tmp_path / "plain.wav", noise(4800)).rename(name)
    result = run("compare", name, name, tmp_path / os.fsdecode(b"r\xe9.html"))
    assert result.returncode == 0 and r"r\xe9.html: 0.10 s" in result.stdout, result.stderr
    page = (tmp_path / os.fsdecode(b"r\xe9.html")).read_text(encoding="utf-8")
    assert r"<title>caf\xe9.wav and caf\xe9.wav" in page
    refused(run("compare", name, name, "-"), "not written to stdout")
