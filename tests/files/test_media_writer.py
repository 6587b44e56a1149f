"""Video and m4a: the picture is unchanged, and the denoised audio is in sync."""

from __future__ import annotations

import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.files import open_reader, open_writer
from rtdenoise.files.media_reader import MediaReader, major_version
from tests.command import noise, only, refused, run

av = pytest.importorskip("av")
RATE = 48_000


def voice(seconds: float, rate: int = RATE) -> np.ndarray:
    """Noise of varying level [frames], whose position in time is unambiguous."""
    rng, count = np.random.default_rng(0), int(seconds * rate)
    return (0.1 * rng.standard_normal(count) * (1 + np.sin(np.arange(count) / rate * 9))).astype(
        "f"
    )


def write_video(path: Path, sound: np.ndarray | None, late: float = 0.0, rate: int = RATE) -> Path:
    """Write three seconds of video with an audio track that begins `late` seconds after it."""
    with av.open(str(path), "w") as out:
        out.metadata["title"] = "A video"
        picture = out.add_stream("mpeg4", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        track = out.add_stream("aac", rate=rate, layout="mono") if sound is not None else None
        for i in range(75):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 3 * i, np.uint8), "rgb24")
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        if track:
            frame = av.AudioFrame.from_ndarray(sound[None], "fltp", "mono")
            frame.sample_rate, frame.pts = rate, round(late * rate)
            frame.time_base = Fraction(1, rate)
            out.mux(track.encode(frame))
            out.mux(track.encode(None))
    return path


def packets(path: Path) -> list[tuple]:
    """Time and bytes of each packet of the video track."""
    with av.open(str(path)) as file:
        base = file.streams.video[0].time_base
        return [(float(p.pts * base), bytes(p)) for p in file.demux(video=0) if p.pts is not None]


def read_audio(path: Path) -> tuple[float, np.ndarray]:
    """The start of the audio track in seconds, and the audio [frames]."""
    with av.open(str(path)) as file:
        frames = list(file.decode(audio=0))
    start = float(frames[0].pts * frames[0].time_base)
    return start, np.concatenate([f.to_ndarray()[0] for f in frames])


@pytest.mark.parametrize("late, suffix", [(0.0, "mp4"), (0.5, "mp4"), (0.0, "mkv"), (0.5, "mov")])
def test_the_picture_is_unchanged_and_the_audio_in_sync(tmp_path, toy_stream_model, late, suffix):
    source = write_video(tmp_path / f"in.{suffix}", voice(2.0), late)
    target = tmp_path / f"out.{suffix}"
    # mix 0 leaves the audio as it is: it is encoded again, but must keep its position
    Denoiser(toy_stream_model, mix=0.0).file(source, target)
    assert packets(source) == packets(target)
    (start, before), (then, after) = read_audio(source), read_audio(target)
    shift = int(np.argmax(np.correlate(after, before[4800:52_800], "valid"))) - 4800
    assert abs(then - start + shift / RATE) < 0.001
    with av.open(str(target)) as file:
        assert file.metadata["title"] == "A video"
        assert file.streams.audio[0].codec_context.name == "aac"
    only(tmp_path, source.name, target.name)


def test_the_audio_is_denoised(tmp_path):
    source = write_video(tmp_path / "in.mp4", voice(3.0))
    result = run("file", source, tmp_path / "out.mp4")
    assert result.returncode == 0 and "3.0" in result.stdout, result
    before, after = read_audio(source)[1], read_audio(tmp_path / "out.mp4")[1]
    assert np.std(after[RATE:]) < 0.5 * np.std(before[RATE:])


def test_m4a_in_wav_out_and_back(tmp_path, toy_stream_model):
    denoiser = Denoiser(toy_stream_model, mix=0.0)
    sf.write(tmp_path / "in.wav", np.stack([voice(1.5, 44_100)] * 2, axis=1), 44_100)
    denoiser.file(tmp_path / "in.wav", tmp_path / "a.m4a")
    denoiser.file(tmp_path / "a.m4a", tmp_path / "b.m4a")
    denoiser.file(tmp_path / "b.m4a", tmp_path / "c.wav")
    info = sf.info(tmp_path / "c.wav")
    assert (info.samplerate, info.channels, info.subtype) == (44_100, 2, "PCM_16")
    assert info.duration == pytest.approx(1.5, abs=0.06)


def test_tags_that_are_not_utf_8(tmp_path, toy_stream_model):
    """PyAV 17 and 18 need an option to read them, which 19 does not have."""
    video = write_video(tmp_path / "in.mp4", voice(1))
    video.write_bytes(video.read_bytes().replace(b"A video", b"A vid\xe9\xff"))
    denoiser = Denoiser(toy_stream_model)
    with pytest.warns(UserWarning, match="picture"):
        denoiser.file(video, tmp_path / "out.flac")
    with sf.SoundFile(tmp_path / "out.flac") as out:
        assert out.title == "A vid\ufffd\ufffd"
    denoiser.file(video, tmp_path / "out.mp4")
    assert b"A vid\xe9\xff" in (tmp_path / "out.mp4").read_bytes()


def test_bad_videos_are_refused(tmp_path, toy_stream_model):
    silent = write_video(tmp_path / "silent.mp4", None)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all" * 100)
    out = tmp_path / "out.mp4"
    refused(run("file", silent, out), "silent.mp4", "has no audio track")
    refused(run("file", broken, out), "broken.mp4", "cannot be read")
    refused(run("file", write_video(tmp_path / "in.mp4", voice(1)), out, "--start", 1), "--start")
    only(tmp_path, "silent.mp4", "broken.mp4", "in.mp4")


def test_a_full_disk_leaves_nothing(tmp_path, toy_stream_model, monkeypatch):
    from rtdenoise.files.media_writer import MediaWriter

    def full(self, frame):
        raise self._failed(OSError(28, "No space left on device"))

    monkeypatch.setattr(MediaWriter, "_encode", full)
    source = write_video(tmp_path / "in.mp4", voice(1))
    with pytest.raises(RtdenoiseError, match="No space left"):
        Denoiser(toy_stream_model).file(source, tmp_path / "out.mp4")
    only(tmp_path, "in.mp4")


@pytest.mark.parametrize("rate", [8000, 48_000])
@pytest.mark.parametrize("suffix", ["m4a", "mp4", "mov", "mkv", "webm", "ac3", "ts", "flv", "aac"])
def test_the_shortest_recordings_can_be_read_again(tmp_path, suffix, rate):
    """FFmpeg finds no sound in an MP4 file of 20 samples."""
    target = tmp_path / f"out.{suffix}"
    for frames in (1, 20, 100):
        sf.write(tmp_path / "in.wav", np.full(frames, 0.1), rate)
        like = open_reader(tmp_path / "in.wav")
        with warnings.catch_warnings(), like, open_writer(target, like) as writer:
            warnings.simplefilter("ignore")
            writer.write(next(like.blocks(1000)))
        with open_reader(target) as reader:
            assert sum(map(len, reader.blocks(48_000))) >= frames


def test_a_track_whose_samples_all_come_before_its_start(tmp_path, monkeypatch, toy_stream_model):
    sf.write(tmp_path / "in.wav", noise(4800), 48_000)
    with open_reader(tmp_path / "in.wav") as like, open_writer(tmp_path / "in.m4a", like) as writer:
        writer.write(noise(4800))
    monkeypatch.setattr(MediaReader, "_early_samples", lambda self: 1 << 30)
    with pytest.raises(RtdenoiseError, match="contains no decodable audio"):
        Denoiser(toy_stream_model).file(tmp_path / "in.m4a", tmp_path / "out.m4a")
    only(tmp_path, "in.wav", "in.m4a")


def test_a_sound_format_that_nothing_can_convert(tmp_path, monkeypatch, toy_stream_model):
    """FFmpeg's resampler refuses some damaged headers: what came before is kept."""
    sf.write(tmp_path / "in.wav", noise(48_000), 48_000)
    with open_reader(tmp_path / "in.wav") as like, open_writer(tmp_path / "in.mp3", like) as writer:
        writer.write(noise(48_000))
    resamplers, calls = av.AudioResampler, []

    class Refusing:
        def __init__(self, *arguments):
            self.resampler = resamplers(*arguments)

        def resample(self, frame):
            calls.append(frame)
            if len(calls) > 20:
                raise av.ArgumentError(22, "Invalid argument")
            return self.resampler.resample(frame)

    monkeypatch.setattr(av, "AudioResampler", Refusing)
    with pytest.warns(UserWarning, match="is damaged .* its end is left out"):
        seconds = sum(map(len, MediaReader(tmp_path / "in.mp3").blocks(4800))) / RATE
    assert 0.2 < seconds < 0.6


def test_the_order_of_seven_channels_in_webm_is_told(tmp_path):
    """FFmpeg's Opus encoder writes another order; MKV gets AAC instead."""
    sf.write(tmp_path / "in.wav", noise(RATE, 7), RATE)
    with (
        open_reader(tmp_path / "in.wav") as like,
        pytest.warns(UserWarning, match="7 channels into another order: choose .mkv"),
        open_writer(tmp_path / "a.webm", like) as writer,
    ):
        writer.write(noise(RATE, 7))
    with (
        open_reader(tmp_path / "a.webm") as like,
        pytest.warns(UserWarning, match="its sound is aac instead of opus"),
        open_writer(tmp_path / "b.mkv", like) as writer,
    ):
        writer.write(noise(RATE, 7))


@pytest.mark.parametrize("suffix", ["ogg", "opus"])
@pytest.mark.parametrize("channels", [3, 5, 6, 7, 8])
def test_channels_of_ogg_are_those_that_ffmpeg_finds(tmp_path, suffix, channels):
    """Vorbis and Opus have the centre second, WAV has it third; libsndfile keeps the order."""
    levels = 0.3 / 1.5 ** np.arange(channels)
    sound = noise(RATE) * levels.astype("f")
    sf.write(tmp_path / "in.wav", sound, RATE, "FLOAT")
    target = tmp_path / f"out.{suffix}"
    with open_reader(tmp_path / "in.wav") as like, open_writer(target, like) as writer:
        writer.write(sound)
    places = [i for i in range(channels) if LAYOUTS[channels][i] != "LFE"]
    for reader in (MediaReader(target), open_reader(target)):
        with reader:
            after = np.concatenate(list(reader.blocks(RATE)))
        assert list(np.argsort(-after.std(axis=0)[places])) == list(range(len(places))), reader


LAYOUTS = {3: "FL FR FC", 5: "FL FR FC BL BR", 6: "FL FR FC LFE BL BR"}
LAYOUTS |= {7: "FL FR FC LFE BC SL SR", 8: "FL FR FC LFE BL BR SL SR"}
LAYOUTS = {count: names.split() for count, names in LAYOUTS.items()}


@pytest.mark.parametrize(
    "suffix, channels",
    # FFmpeg's Opus encoder changes the order of 6.1, so there is no 7 for webm. FFmpeg 9 comes with
    # PyAV 19 and returns 6.1 from AAC as 6.1(back), where the centre at the back is the last one.
    [(suffix, n) for suffix in ("m4a", "mkv", "mov", "webm") for n in (1, 2, 6, 8)]
    + [("m4a", 7)] * (major_version(av) < 19),
)
def test_channels_stay_in_their_order(tmp_path, suffix, channels):
    """PyAV raised an IndexError with eight channels."""
    time = np.arange(RATE)[:, None] / RATE
    sound = 0.1 * np.sin(2 * np.pi * time * (300 + 50 * np.arange(channels)))
    sf.write(tmp_path / "in.wav", sound, RATE, "FLOAT")
    target = tmp_path / f"out.{suffix}"
    with open_reader(tmp_path / "in.wav") as like, open_writer(target, like) as writer:
        writer.write(sound.astype("f"))
    with open_reader(target) as reader:
        after = np.concatenate(list(reader.blocks(RATE)))[: len(sound)]
    assert after.shape[1] == channels
    spectra = np.abs(np.fft.rfft(after[: len(after) // 4800 * 4800], axis=0))
    peaks = np.argmax(spectra, axis=0) * RATE / (len(after) // 4800 * 4800)
    heard = [i for i in range(channels) if abs(peaks[i] - (300 + 50 * i)) < 15]
    assert len(heard) >= channels - 1, peaks  # one is the low-frequency channel of 5.1 to 7.1
