"""`Denoiser` and `denoise_audio`: shape, alignment and settings."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser, RtdenoiseError, denoise_audio
from rtdenoise.files import TimeRange
from tests.command import noise, only

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_rates_and_channels_are_kept(tmp_path, toy_stream_model, rate, channels):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    sf.write(source, noise(rate // 3 + 1, channels), rate, subtype="FLOAT")
    Denoiser(toy_stream_model).file(source, target)
    before, after = sf.info(source), sf.info(target)
    assert (after.frames, after.samplerate, after.channels, after.subtype) == (
        before.frames,
        rate,
        channels,
        "FLOAT",
    )
    only(tmp_path, "in.wav", "out.wav")


@pytest.mark.parametrize("frames", [1, 5000, 60_000])
def test_the_network_first_hears_the_mirrored_opening(tmp_path, toy_stream_model, frames):
    audio, lead = noise(frames)[:, 0], 28_800
    turned = np.pad(audio, (lead, 0), mode="reflect")
    expected = Denoiser(toy_stream_model, opening=0)(turned, 48_000)[lead:]
    got = Denoiser(toy_stream_model)(audio, 48_000)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert np.abs(got - Denoiser(toy_stream_model, opening=0)(audio, 48_000)).max() > 1e-3
    sf.write(tmp_path / "in.wav", audio, 48_000, subtype="FLOAT")
    Denoiser(toy_stream_model).file(tmp_path / "in.wav", tmp_path / "out.wav")
    np.testing.assert_allclose(sf.read(tmp_path / "out.wav")[0], got, atol=1e-5)


@pytest.mark.parametrize("opening", [-1.0, float("nan"), float("inf")])
def test_an_invalid_opening_is_refused(toy_stream_model, opening):
    with pytest.raises(RtdenoiseError, match="opening"):
        Denoiser(toy_stream_model, opening=opening)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_the_output_has_no_delay(toy_stream_model, rate):
    """The dry path has the same buffers, so it must return exactly the input."""
    audio = noise(rate)
    np.testing.assert_allclose(Denoiser(toy_stream_model, mix=0.0)(audio, rate), audio, atol=1e-6)
    assert np.abs(Denoiser(toy_stream_model)(audio, rate) - audio).max() > 0.01


def test_denoise_audio_names_the_command_for_a_checkpoint(tmp_path, toy_checkpoint):
    target = tmp_path / "out.wav"
    sf.write(tmp_path / "in.wav", noise(30_000), 48_000)
    checkpoint = tmp_path / "my toy.pth"
    checkpoint.write_bytes(toy_checkpoint.read_bytes())
    with pytest.raises(RtdenoiseError, match="python -m export") as error:
        denoise_audio(checkpoint, tmp_path / "in.wav", target)
    assert not target.exists()
    command = str(error.value).split("`")[1]  # the command in the message works
    arguments = shlex.split(command)
    subprocess.run([sys.executable, *arguments[1:]], check=True, cwd=ROOT)
    denoise_audio(arguments[-1], tmp_path / "in.wav", target)
    assert sf.info(target).frames == 30_000


def test_the_old_name_of_time_range_still_works(tmp_path, toy_stream_model):
    sf.write(tmp_path / "in.wav", noise(48_000), 48_000)
    with pytest.warns(DeprecationWarning, match="time_range"):
        kept = Denoiser(toy_stream_model).file(
            tmp_path / "in.wav", tmp_path / "out.wav", span=TimeRange(0.2, 0.5)
        )
    assert kept == pytest.approx(0.3) and sf.info(tmp_path / "out.wav").frames == 14_400
