"""`Denoiser.stream`: any chunks give the samples of one pass, in the type of the chunks."""

import gc
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser, DenoiseStream, RtdenoiseError
from tests.streams import chunks, noise

TYPES = {"float32": 1e-6, "float64": 1e-6, "float16": 1e-3, "int16": 1, "int32": 500, "uint8": 1}


def as_type(audio: np.ndarray, dtype: str) -> np.ndarray:
    if dtype.startswith("f"):
        return audio.astype(dtype)
    scale = 2.0 ** (8 * np.dtype(dtype).itemsize - 1)
    return (audio * (scale - 1) + scale * dtype.startswith("u")).astype(dtype)


@pytest.mark.parametrize("rate, channels", [(8000, 1), (16000, 2), (44100, 2), (48000, 1)])
@pytest.mark.parametrize("longest", [50, 3000])
def test_any_chunks_give_the_samples_of_one_pass(denoiser, rate, channels, longest):
    audio = noise(rate, channels)
    stream = denoiser.stream(rate, channels)
    out = []
    for chunk in chunks(audio, longest):
        out.append(stream.write(chunk))
        assert out[-1].shape == chunk.shape
    out.append(stream.flush())
    heard = np.concatenate(out)
    assert len(heard) == len(audio) + stream.latency
    np.testing.assert_allclose(heard[stream.latency :], denoiser(audio, rate), atol=1e-5)


def test_a_stream_gives_the_samples_of_a_file(denoiser, tmp_path):
    noisy, rate = sf.read(Path(__file__).parents[1] / "examples/noisy.wav", dtype="int16")
    sf.write(tmp_path / "noisy.wav", noisy, rate, subtype="PCM_16")
    denoiser.file(tmp_path / "noisy.wav", tmp_path / "clean.wav")
    clean, _ = sf.read(tmp_path / "clean.wav", dtype="int16")
    stream = denoiser.stream(rate, aligned=True)
    heard = np.concatenate(list(stream.iterate(chunks(noisy, 2000))))
    assert heard.dtype == np.int16
    assert np.abs(heard.astype(int) - clean).max() <= 1  # rounded in another place


@pytest.mark.parametrize("dtype", TYPES)
def test_the_type_of_arrays_is_kept(denoiser, dtype):
    audio = as_type(noise(9600), dtype)
    stream = denoiser.stream(48_000, aligned=True)
    outputs = [stream.write(audio[:5000]), stream.write(audio[5000:]), stream.flush()]
    assert {out.dtype for out in outputs} == {np.dtype(dtype)}
    difference = np.concatenate(outputs).astype(float) - denoiser(audio, 48_000).astype(float)
    assert np.abs(difference).max() <= TYPES[dtype]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "uint8"])
def test_bytes_give_bytes_and_may_end_within_a_frame(denoiser, kind, dtype):
    audio = as_type(noise(4800, 2), dtype)
    stream = denoiser.stream(48_000, 2, dtype=dtype, aligned=True)
    outputs = list(stream.iterate(kind(part) for part in chunks(audio.tobytes(), 99)))
    assert {type(out) for out in outputs} == {bytes}
    heard = np.frombuffer(b"".join(outputs), dtype).reshape(-1, 2)
    expected = denoiser(audio, 48_000)
    assert np.abs(heard.astype(float) - expected.astype(float)).max() <= TYPES[dtype]


def test_bytes_lost_at_the_end_are_told(denoiser):
    stream = denoiser.stream(16_000)
    stream.write(bytes(321))
    with pytest.raises(RtdenoiseError, match="within a frame"):
        stream.write(noise(10))
    with pytest.warns(UserWarning, match="1 bytes are lost"):
        assert len(stream.flush()) == 2 * stream.latency
    stream.write(bytes(321))
    stream.reset()
    stream.write(noise(10))


def test_shapes_of_mono_are_kept(denoiser):
    stream = denoiser.stream(48_000)
    assert stream.write(noise(10)).shape == (10,)
    assert stream.write(noise(10)[:, None]).shape == (10, 1)
    assert stream.write(np.zeros(0, "f")).shape == (0,)
    assert stream.write([0.0, 0.5]).dtype == np.float64


def test_flush_and_reset_start_anew(denoiser):
    audio = noise(12_345)
    stream = denoiser.stream(44_100)
    first = [stream.write(audio), stream.flush()]
    second = [stream.write(audio), stream.flush()]
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(second))
    stream.write(noise(777, seed=5))
    stream.reset()
    np.testing.assert_array_equal(
        np.concatenate([stream.write(audio), stream.flush()]), *[np.concatenate(first)]
    )


def test_what_nothing_was_written_to_returns_nothing(denoiser):
    assert len(denoiser.stream(48_000).flush()) == 0
    assert list(denoiser.stream(48_000).iterate([])) == []


def test_callers_may_reuse_their_buffers(denoiser):
    audio, buffer, stream = noise(48_000), np.zeros(1000, "f"), denoiser.stream(48_000)
    out = []
    for start in range(0, 48_000, 1000):
        buffer[:] = audio[start : start + 1000]
        got = stream.write(buffer)
        out.append(got.copy())
        got[:] = buffer[:] = 1e3
    out.append(stream.flush())
    heard = np.concatenate(out)[stream.latency :]
    np.testing.assert_allclose(heard, denoiser(audio, 48_000), atol=1e-5)


def test_a_refused_chunk_changes_nothing(denoiser):
    audio, stream = noise(4800), denoiser.stream(48_000)
    out = [stream.write(audio[:1000])]
    for wrong in (np.zeros((10, 2), "f"), np.zeros(3, complex), [[1.0], [1.0, 2.0]], None):
        with pytest.raises(RtdenoiseError):
            stream.write(wrong)
    out += [stream.write(audio[1000:]), stream.flush()]
    heard = np.concatenate(out)[stream.latency :]
    np.testing.assert_allclose(heard, denoiser(audio, 48_000), atol=1e-5)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"sample_rate": 0}, "a sample rate of 0 Hz is not valid"),
        ({"sample_rate": "48k"}, "a sample rate must be a number"),
        ({"channels": 9}, "channels of 9 is not valid"),
        ({"block": 0}, "a block of 0 frames is not valid"),
        ({"dtype": "int24"}, "unknown sample type of bytes 'int24': use one of int16"),
        ({"aligned": "no"}, "aligned must be True or False"),
        ({"low_latency": "yes"}, "low_latency must be True or False"),
    ],
)
def test_bad_arguments_are_one_line(denoiser, arguments, message):
    with pytest.raises(RtdenoiseError, match=message) as caught:
        denoiser.stream(**{"sample_rate": 48_000, **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "channels, shape, advice",
    [
        (1, (480, 2), r"use \(frames, 1\) or \(frames,\)"),
        (2, (2, 480), r"chunk\.T"),
        (2, (960,), r"chunk\.reshape\(-1, 2\)"),
    ],
)
def test_wrong_shapes_are_told(denoiser, channels, shape, advice):
    with pytest.raises(RtdenoiseError, match=advice):
        denoiser.stream(48_000, channels).write(np.zeros(shape, "f"))


def test_a_closed_stream_says_so(denoiser):
    with denoiser.stream(48_000) as stream:
        stream.write(noise(480))
    for use in (lambda: stream.write(noise(1)), stream.flush, stream.reset, lambda: stream.mix):
        with pytest.raises(RtdenoiseError, match="the stream is closed"):
            use()
    stream.close()


def test_settings_come_from_the_denoiser_and_may_change():
    stream = Denoiser(mix=0.25, attenuation_limit_db=12, gain_db=-6).stream(48_000)
    assert (stream.mix, stream.attenuation_limit_db, stream.gain_db) == (0.25, 12, -6)
    stream.mix, stream.attenuation_limit_db, stream.gain_db = 1, None, 0
    stream.bypass = True
    assert stream.bypass
    audio = noise(9600)
    heard = np.concatenate([stream.write(audio), stream.flush()])[stream.latency :]
    np.testing.assert_allclose(heard[4800:], audio[4800:], atol=1e-6)  # after the ramps
    with pytest.raises(RtdenoiseError, match="a mix of 2 is not valid"):
        stream.mix = 2


def test_nan_does_not_poison_what_follows(denoiser):
    stream = denoiser.stream(48_000)
    stream.write(np.full(960, np.nan, "f"))
    assert np.isfinite(stream.write(noise(4800))).all()


def resident_kib() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4


def test_thousands_of_streams_do_not_grow(denoiser):
    chunk = noise(320)

    def use(count: int) -> None:
        for _ in range(count):
            with denoiser.stream(16_000) as stream:
                stream.write(chunk)
        gc.collect()

    use(100)
    tracemalloc.start()
    use(100)
    before, resident = tracemalloc.get_traced_memory()[0], resident_kib()
    use(2000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 100_000  # bytes, of 2000 streams
    assert resident_kib() - resident < 8_000


@pytest.mark.parametrize("form", ["rolling", "segment"])
def test_other_forms_stream_too(form, request):
    denoiser = Denoiser(request.getfixturevalue(f"toy_{form}_model"), opening=0)
    audio = noise(24_000)
    stream = denoiser.stream(48_000, aligned=True)
    other = denoiser.stream(48_000)  # shares the session, not the audio
    out = []
    for chunk in chunks(audio, 4000):
        out.append(stream.write(chunk))
        other.write(-chunk)
    heard = np.concatenate([*out, stream.flush()])
    np.testing.assert_allclose(heard, denoiser(audio, 48_000), atol=1e-4)


def test_no_warning_in_normal_use(denoiser):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(denoiser.stream(8000), DenoiseStream)
        list(denoiser.stream(8000).iterate(chunks(noise(8000), 300)))
