"""Damaged input files: what can be decoded is denoised, with a warning."""

from __future__ import annotations

import soundfile as sf

from tests.command import noise, run


def test_a_recording_cut_off_in_the_middle(tmp_path, toy_stream_model):
    whole = noise(96_000)
    for name in ("cut.wav", "cut.flac"):
        sf.write(tmp_path / name, whole, 48_000)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        out = tmp_path / f"out-{name}"
        result = run("file", tmp_path / name, out, "--model", toy_stream_model)
        assert result.returncode == 0, result.stderr
        assert "cut off or damaged" in result.stderr
        assert 20_000 < sf.info(out).frames < 60_000
