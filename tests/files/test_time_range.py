"""--start and --end: a part of a recording."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.files.time_range import TimeRange, parse_time
from tests.command import noise, only, refused, run


@pytest.mark.parametrize("rate", [48_000, 44_100])
@pytest.mark.parametrize("start, end", [(0.0, 1.0), (0.3, 2.0), (2.005, 2.5), (2.9, None)])
def test_a_part_equals_that_part_of_the_whole(tmp_path, toy_stream_model, rate, start, end):
    denoiser, source = Denoiser(toy_stream_model), tmp_path / "in.wav"
    sf.write(source, noise(3 * rate), rate, subtype="FLOAT")
    denoiser.file(source, tmp_path / "whole.wav")
    seconds = denoiser.file(source, tmp_path / "part.wav", time_range=TimeRange(start, end))
    whole, part = (sf.read(tmp_path / f"{n}.wav")[0] for n in ("whole", "part"))
    expected = whole[round(start * rate) : round(end * rate) if end else None]
    assert seconds == pytest.approx(len(expected) / rate)
    np.testing.assert_allclose(part, expected, atol=1e-4)


def test_invalid_times_are_refused(tmp_path):
    assert parse_time("1:02:03.5", "--end") == 3723.5
    assert parse_time("90", "--end") == 90 and parse_time(None, "--end") is None
    for bad in ("soon", "1:2:3:4", "-5", ""):
        with pytest.raises(RtdenoiseError, match="--start"):
            parse_time(bad, "--start")
    sf.write(tmp_path / "in.wav", noise(48_000), 48_000)
    out = tmp_path / "out.wav"
    refused(run("file", tmp_path / "in.wav", out, "--start", 5), "lasts 1.00 s")
    refused(run("file", tmp_path / "in.wav", out, "--start", 0.5, "--end", 0.2), "is not after")
    refused(run("file", tmp_path / "in.wav", out, "--end", 0.000001), "choose a later --end")
    refused(run("file", tmp_path, tmp_path / "o", "--end", 1), "single file")
    only(tmp_path, "in.wav")
