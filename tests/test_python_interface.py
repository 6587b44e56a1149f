"""What NumPy users expect of `Denoiser`: types, shapes, checked arguments, copies, reuse."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.processing import Processor
from tests.command import noise

NAN, INF = float("nan"), float("inf")
FRAMES = 5000


@pytest.fixture(scope="module")
def denoiser(toy_stream_model) -> Denoiser:
    return Denoiser(toy_stream_model)


def in_type(audio: np.ndarray, kind: str) -> np.ndarray:
    """`audio` as a WAV file of this type has it."""
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return audio.astype(dtype)
    scale = 2 ** (8 * dtype.itemsize - 1)
    return (np.rint(audio * scale) + (scale if dtype.kind == "u" else 0)).astype(dtype)


@pytest.mark.parametrize("kind", ["i1", "u1", "<i2", ">i2", "i4", "f2", ">f4", "f8", "longdouble"])
def test_audio_comes_back_in_its_own_type_and_scale(denoiser, kind):
    audio = in_type(noise(FRAMES)[:, 0], kind)
    step = {1: 2**-7, 2: 2**-11}.get(audio.dtype.itemsize, 2**-15)
    expected = denoiser(noise(FRAMES)[:, 0], 48_000)
    got = denoiser(audio, 48_000)
    assert got.dtype == audio.dtype and got.shape == audio.shape
    scale = 1.0 if audio.dtype.kind == "f" else 2.0 ** (8 * audio.dtype.itemsize - 1)
    zero = scale if audio.dtype.kind == "u" else 0
    np.testing.assert_allclose((got.astype(float) - zero) / scale, expected, atol=2 * step)


@pytest.mark.parametrize("kind", ["i1", "u1", "i2"])
def test_the_dry_path_returns_every_integer_unchanged(toy_stream_model, kind):
    limits = np.iinfo(kind)
    audio = np.random.default_rng(0).integers(limits.min, limits.max, 3000, kind, endpoint=True)
    np.testing.assert_array_equal(Denoiser(toy_stream_model, mix=0)(audio, 48_000), audio)


@pytest.mark.parametrize("kind", ["i2", "u1", "i4", "f2"])
def test_a_gain_never_wraps_around(toy_stream_model, kind):
    audio = in_type(np.full(3000, 0.9), kind)
    got = Denoiser(toy_stream_model, mix=0, gain_db=60)(audio, 48_000)
    assert np.isfinite(got).all() and (got >= audio).all()


def test_channels_first(denoiser):
    audio = noise(FRAMES, 2)
    expected = denoiser(audio, 48_000)
    np.testing.assert_array_equal(denoiser(audio.T, 48_000, channels_first=True), expected.T)
    mono = audio[:, 0]
    np.testing.assert_array_equal(
        denoiser(mono, 48_000, channels_first=True), denoiser(mono, 48_000)
    )
    with pytest.raises(RtdenoiseError, match="channels_first=True"):
        denoiser(audio.T, 48_000)
    with pytest.raises(RtdenoiseError, match="channels_first=False"):
        denoiser(audio, 48_000, channels_first=True)


@pytest.mark.parametrize("rate", [44100.0, np.float32(44100), np.int16(16000), np.array(8000)])
def test_a_sample_rate_may_be_of_any_number_type(denoiser, rate):
    audio = noise(2000)
    np.testing.assert_array_equal(denoiser(audio, rate), denoiser(audio, int(rate)))


@pytest.mark.parametrize(
    "audio",
    [
        noise(FRAMES)[::-1],
        np.asfortranarray(noise(FRAMES, 2)),
        noise(FRAMES)[::3, 0],
        noise(300)[:, 0].tolist(),
        np.broadcast_to(np.float32(0.1), (900, 2)),
    ],
    ids=["reversed", "Fortran order", "strided", "list", "read-only"],
)
def test_any_memory_layout(denoiser, audio):
    plain = np.array(audio, np.float32, order="C")
    before = plain.copy()
    np.testing.assert_allclose(denoiser(audio, 48_000), denoiser(plain, 48_000), atol=1e-7)
    np.testing.assert_array_equal(plain, before)


def test_no_audio_gives_no_audio(denoiser):
    for shape in ((0,), (0, 2)):
        out = denoiser(np.zeros(shape, np.int16), 48_000)
        assert out.shape == shape and out.dtype == np.int16


WRONG_CALLS = [
    ((noise(10), 0), {}, ValueError, "sample rate"),
    ((noise(10), -48_000), {}, ValueError, "sample rate"),
    ((noise(10), NAN), {}, ValueError, "sample rate"),
    ((noise(10), INF), {}, ValueError, "sample rate"),
    ((noise(10), 10**400), {}, ValueError, "sample rate"),
    ((noise(10), 44_100.5), {}, ValueError, "whole number"),
    ((noise(10), "48000"), {}, TypeError, "sample rate"),
    ((noise(10), None), {}, TypeError, "sample rate"),
    ((noise(10), True), {}, TypeError, "sample rate"),
    ((noise(10), np.array([48_000])), {}, TypeError, "sample rate"),
    ((noise(10), 1 + 2j), {}, TypeError, "sample rate"),
    ((noise(10, 9), 48_000), {}, ValueError, "9 channels"),
    ((np.zeros((10, 0)), 48_000), {}, ValueError, "no channels"),
    ((np.zeros((2, 3, 4)), 48_000), {}, ValueError, "shape"),
    ((np.float32(0.5), 48_000), {}, ValueError, "shape"),
    ((np.zeros(10, np.int64), 48_000), {}, TypeError, "int64"),
    ((np.zeros(10, np.uint16), 48_000), {}, TypeError, "uint16"),
    ((np.zeros(10, bool), 48_000), {}, TypeError, "bool"),
    ((np.zeros(10, complex), 48_000), {}, TypeError, "complex"),
    ((np.ma.masked_array(noise(10), mask=noise(10) > 0), 48_000), {}, TypeError, "masked array"),
    ((bytearray(20), 48_000), {}, TypeError, "raw bytes"),
    ((bytes(20), 48_000), {}, TypeError, "raw bytes"),
    ((memoryview(bytes(20)), 48_000), {}, TypeError, "raw bytes"),
    ((np.array(["a", "b"]), 48_000), {}, TypeError, "type str"),
    (("noisy.wav", 48_000), {}, TypeError, "type str"),
    ((None, 48_000), {}, TypeError, "type object"),
    (([[1.0], [1.0, 2.0]], 48_000), {}, TypeError, "no array of numbers"),
    ((noise(10), 48_000, "yes"), {}, TypeError, "channels_first"),
    ((noise(10), 48_000), {"channels_first": None}, TypeError, "channels_first"),
]


@pytest.mark.parametrize(("arguments", "options", "kind", "word"), WRONG_CALLS)
def test_wrong_calls_are_one_clear_sentence(denoiser, arguments, options, kind, word):
    with pytest.raises(RtdenoiseError) as error:
        denoiser(*arguments, **options)
    text = str(error.value)
    assert isinstance(error.value, kind) and word in text, text
    assert "\n" not in text and len(text) < 250 and ("use" in text or "must" in text or ":" in text)


WRONG_SETTINGS = [
    ("mix", NAN, ValueError),
    ("mix", -0.1, ValueError),
    ("mix", 1.1, ValueError),
    ("mix", "1", TypeError),
    ("mix", None, TypeError),
    ("mix", True, TypeError),
    ("mix", np.zeros(3), TypeError),
    ("attenuation_limit_db", NAN, ValueError),
    ("attenuation_limit_db", INF, ValueError),
    ("attenuation_limit_db", -12, ValueError),
    ("attenuation_limit_db", "12", TypeError),
    ("gain_db", NAN, ValueError),
    ("gain_db", INF, ValueError),
    ("gain_db", -INF, ValueError),
    ("gain_db", 1000, ValueError),
    ("gain_db", None, TypeError),
    ("gain_db", [6], TypeError),
    ("opening", NAN, ValueError),
    ("opening", -1, ValueError),
    ("opening", 1e9, ValueError),
    ("opening", None, TypeError),
    ("workers", 0, ValueError),
    ("workers", -1, ValueError),
    ("workers", 1.5, ValueError),
    ("workers", 10**6, ValueError),
    ("workers", "2", TypeError),
    ("track", 0, ValueError),
    ("track", 1.0, ValueError),
    ("track", "first", ValueError),
    ("track", INF, ValueError),
]


@pytest.mark.parametrize(("name", "value", "kind"), WRONG_SETTINGS)
def test_settings_are_checked_on_construction_and_assignment(denoiser, name, value, kind):
    before = getattr(denoiser, name)
    with pytest.raises(RtdenoiseError) as made:
        Denoiser("no such model", **{name: value})  # refused before the model is looked for
    with pytest.raises(RtdenoiseError) as assigned:
        setattr(denoiser, name, value)
    assert isinstance(made.value, kind) and isinstance(assigned.value, kind)
    assert str(made.value) == str(assigned.value) and "\n" not in str(made.value)
    assert getattr(denoiser, name) == before
    if hasattr(Processor, name):
        with pytest.raises(kind):
            setattr(denoiser.processor(), name, value)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"model": 5}, TypeError),
        ({"model": b"default"}, TypeError),
        ({"model": "no such model"}, ValueError),
        ({"model": ""}, ValueError),
        ({"model": "a\0b"}, ValueError),
        ({"model": "a" * 5000}, ValueError),
        ({"provider": "gpu"}, ValueError),
        ({"provider": None}, ValueError),
        ({"engine": "fast"}, ValueError),
        ({"engine": 1}, ValueError),
        ({"tf32": "yes"}, TypeError),
        ({"tf32": None}, TypeError),
    ],
)
def test_wrong_models_are_one_clear_sentence(options, kind):
    with pytest.raises(RtdenoiseError) as error:
        Denoiser(**options)
    assert isinstance(error.value, kind) and "\n" not in str(error.value)


def test_settings_of_numpy_types_are_numbers(denoiser):
    other = copy.copy(denoiser)
    other.mix, other.workers, other.gain_db = np.float32(0.5), np.int64(2), np.array(-6.0)
    assert (other.mix, other.workers, other.gain_db) == (0.5, 2, -6.0)
    assert type(other.workers) is int and type(other.mix) is float


@pytest.mark.parametrize(
    ("arguments", "options", "kind"),
    [
        ((5, "out.wav"), {}, TypeError),
        (("in.wav", None), {}, TypeError),
        ((b"in.wav", "out.wav"), {}, TypeError),
        (("in\0.wav", "out.wav"), {}, ValueError),
        (("", "out.wav"), {}, ValueError),
        (("in.wav", "out\0.wav"), {}, ValueError),
        (("in.wav", "out.wav", "yes"), {}, TypeError),
        (("in.wav", "out.wav"), {"progress": 3}, TypeError),
        (("in.wav", "out.wav"), {"time_range": 3}, TypeError),
        (("in.wav", "out.wav"), {"time_range": (1, 2, 3)}, TypeError),
        (("in.wav", "out.wav"), {"time_range": (NAN, None)}, ValueError),
        (("in.wav", "out.wav"), {"time_range": (0, INF)}, ValueError),
        (("in.wav", "out.wav"), {"time_range": (-1, None)}, ValueError),
        (("in.wav", "out.wav"), {"time_range": (2, 1)}, ValueError),
        (("in.wav", "out.wav"), {"time_range": (7, None)}, ValueError),
        (("in.wav", "out.wav"), {"time_range": ("1", None)}, TypeError),
        (("in.wav", "out.wav"), {"track": -1}, ValueError),
    ],
)
def test_wrong_arguments_for_files(denoiser, tmp_path, monkeypatch, arguments, options, kind):
    monkeypatch.chdir(tmp_path)
    sf.write("in.wav", noise(FRAMES), 48_000)
    with pytest.raises(RtdenoiseError) as error:
        denoiser.file(*arguments, **options)
    assert isinstance(error.value, kind) and "\n" not in str(error.value)
    assert os.listdir() == ["in.wav"]


def test_a_pair_of_seconds_is_a_time_range(denoiser, tmp_path):
    sf.write(tmp_path / "in.wav", noise(48_000), 48_000)
    kept = denoiser.file(tmp_path / "in.wav", tmp_path / "out.wav", time_range=(0.25, 0.5))
    assert kept == 0.25


def test_wrong_use_of_a_processor(denoiser):
    processor = denoiser.processor()
    for call in (lambda: processor.process(noise(10)), processor.flush, processor.reset):
        with pytest.raises(RtdenoiseError, match="prepare"):
            call()
    for wrong in ((0, 1, 64), (NAN, 1, 64), (48_000, 9, 64), (48_000, 1.5, 64), (48_000, 1, 0)):
        with pytest.raises(ValueError):
            processor.prepare(*wrong)
    with pytest.raises(TypeError, match="max_block"):
        processor.prepare(48_000, 1, None)
    processor.prepare(48_000.0, 2.0, 64)
    for block in (noise(10), noise(10)[:, 0], np.zeros((10, 3)), np.zeros((1, 10, 2))):
        with pytest.raises(ValueError, match=r"use \(frames, 2\)"):
            processor.process(block)
    with pytest.raises(TypeError, match="int64"):
        processor.process(np.zeros((10, 2), np.int64))
    with pytest.raises(TypeError, match="bypass"):
        processor.bypass = "on"


def test_a_processor_keeps_the_type_of_its_blocks(denoiser):
    processor = denoiser.processor()
    processor.prepare(44_100, 1, 512)
    audio = in_type(noise(2048), "i2")
    out = [processor.process(block) for block in np.split(audio, 4)] + [processor.flush()]
    assert {block.dtype for block in out} == {np.dtype("i2")}
    floats = denoiser.processor()
    floats.prepare(44_100, 1, 512)
    expected = np.concatenate([floats.process(audio / np.float32(2**15)), floats.flush()])
    assert np.abs(np.concatenate(out) / 2**15 - expected).max() < 2**-15


def test_copies_have_the_same_settings_and_sound(toy_stream_model, monkeypatch, tmp_path):
    monkeypatch.chdir(toy_stream_model.parent)
    original = Denoiser(toy_stream_model.name, mix=0.7, gain_db=-3, opening=0.2, workers=1, track=2)
    expected = original(noise(FRAMES), 44_100)
    monkeypatch.chdir(tmp_path)  # the model's relative path means nothing here
    for make in (copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))):
        other = make(original)
        for name in ("mix", "gain_db", "opening", "workers", "attenuation_limit_db", "track"):
            assert getattr(other, name) == getattr(original, name)
        assert other.card == original.card and other.provider == original.provider
        np.testing.assert_array_equal(other(noise(FRAMES), 44_100), expected)
        other.mix = 0.1
    assert original.mix == 0.7


def test_a_pickle_without_its_model_is_one_clear_sentence(toy_stream_model, tmp_path):
    path = tmp_path / "gone.onnx"
    path.write_bytes(toy_stream_model.read_bytes())
    data = pickle.dumps(Denoiser(path))
    path.unlink()
    with pytest.raises(RtdenoiseError, match="no model"):
        pickle.loads(data)


def test_spawned_workers(denoiser):
    audio = noise(FRAMES)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results = pool.starmap_async(denoiser, [(audio, 48_000)] * 3).get(timeout=240)
    for result in results:
        np.testing.assert_array_equal(result, denoiser(audio, 48_000))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
def test_a_forked_process_does_not_wait_for_threads_that_it_does_not_have(toy_stream_model):
    denoiser = Denoiser(toy_stream_model, workers=3)
    audio = noise(6 * 48_000)[:, 0]  # long enough for several threads
    expected = denoiser(audio, 48_000)
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=lambda: there.send(denoiser(audio, 48_000)), daemon=True)
    process.start()
    try:
        assert here.poll(60), "the forked process hangs"
        np.testing.assert_allclose(here.recv(), expected, atol=1e-6)
    finally:
        process.kill()


def test_errors_survive_the_way_back_from_a_worker():
    from rtdenoise.errors import InvalidTypeError, InvalidValueError

    for kind in (RtdenoiseError, InvalidTypeError, InvalidValueError):
        again = pickle.loads(pickle.dumps(kind("what: how")))
        assert type(again) is kind and str(again) == "what: how"


def test_threads_share_a_denoiser(denoiser):
    audio = [noise(FRAMES + i) for i in range(6)]
    expected = [denoiser(x, 16_000) for x in audio]
    got: list = [None] * 6
    threads = [
        threading.Thread(target=lambda i=i: got.__setitem__(i, denoiser(audio[i], 16_000)))
        for i in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_recordings_of_one_kind_share_a_processor_and_stay_independent(toy_stream_model):
    fresh = [
        Denoiser(toy_stream_model)(noise(4000), 44_100),
        Denoiser(toy_stream_model, mix=0.3, gain_db=-6)(noise(5000), 44_100),
    ]
    reused, made = Denoiser(toy_stream_model), []
    reused.processor = lambda: made.append(1) or Denoiser.processor(reused)  # type: ignore
    np.testing.assert_array_equal(reused(noise(4000), 44_100), fresh[0])
    with pytest.warns(UserWarning, match="4 samples of|4 samples were"):
        reused(np.full((4, 1), np.nan, np.float32), 44_100)
    reused.mix, reused.gain_db = 0.3, -6
    np.testing.assert_array_equal(reused(noise(5000), 44_100), fresh[1])
    assert len(made) == 1
    for rate in (8000, 16_000, 22_050, 32_000, 48_000, 96_000):
        reused(noise(100), rate)
    assert len(reused._idle) == 4  # the memory stays limited


def test_a_failed_file_leaves_no_state_behind(denoiser, tmp_path):
    sf.write(tmp_path / "in.wav", noise(FRAMES), 48_000)
    expected = denoiser(noise(FRAMES), 48_000)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        denoiser.file(tmp_path / "in.wav", tmp_path / "out.wav", progress=stop)
    np.testing.assert_array_equal(denoiser(noise(FRAMES), 48_000), expected)


@pytest.mark.parametrize("value", [NAN, INF, -INF, 1e11, 1e30, -3e38])
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_what_is_no_audio_is_zeroed_counted_and_told(denoiser, tmp_path, value, rate):
    audio = noise(2 * rate)
    audio[rate : rate + 7] = value
    zeroed = np.where(np.abs(audio) < 1e10, audio, 0).astype(np.float32)
    expected = denoiser(zeroed, rate)
    with pytest.warns(UserWarning, match="the audio: 7 samples were NaN, infinite or beyond"):
        np.testing.assert_array_equal(denoiser(audio, rate), expected)
    sf.write(tmp_path / "in.wav", audio, rate, subtype="FLOAT")
    with pytest.warns(UserWarning, match=r"in.wav: 7 samples were NaN, infinite or beyond"):
        denoiser.file(tmp_path / "in.wav", tmp_path / "out.wav")
    np.testing.assert_allclose(sf.read(tmp_path / "out.wav")[0], expected[:, 0], atol=1e-5)


@pytest.mark.parametrize("level", [1e-30, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("form", ["stream", "segment", "rolling"])
def test_finite_audio_stays_finite_at_any_level(request, form, level):
    model = request.getfixturevalue(f"toy_{form}_model")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = Denoiser(model, gain_db=60)(noise(20_000) * np.float32(level), 44_100)
    assert np.isfinite(out).all()


def test_samples_of_the_network_that_are_no_audio_are_zeroed_and_told(denoiser):
    processor = denoiser.processor()
    processor.prepare(48_000, 1, 480, whole_hops=True)
    step = processor.engine.step
    broken = [np.nan, np.inf, 1e20]

    def fail_once(block: np.ndarray) -> np.ndarray:
        return np.full_like(block, broken.pop()) if broken else step(block)

    resets: list[int] = []
    processor.engine.step, processor.engine.reset = fail_once, lambda: resets.append(1)
    out = [processor.process(noise(480)) for _ in range(8)]
    assert len(resets) == 3  # a state that led to NaN must not stay
    assert processor.nonfinite_output == 3 * 480 and processor.nonfinite == 0
    assert np.isfinite(out).all() and not np.any(out[:3]) and np.any(out[5:])


def test_a_warning_names_the_line_of_the_caller(denoiser):
    with pytest.warns(UserWarning) as caught:
        denoiser(np.full(10, np.nan, np.float32), 48_000)
    assert Path(caught[0].filename) == Path(__file__)


NUMBERS = [
    ("file", "--gain-db"),
    ("file", "--limit-db"),
    ("file", "--mix"),
    ("file", "--start"),
    ("file", "--end"),
    ("live", "--mix"),
    ("live", "--limit-db"),
    ("live", "--hop-ms"),
    ("live", "--safety-ms"),
    ("live", "--seconds"),
]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400", "-1e9", "1e99"])
def test_every_number_of_every_command_is_finite_and_in_range(tmp_path, value, monkeypatch, capsys):
    """In one process, because each start takes a second."""
    from rtdenoise.cli import main

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    sf.write(tmp_path / "in.wav", noise(FRAMES), 48_000)
    for command, option in NUMBERS:
        files = [str(tmp_path / "in.wav"), str(tmp_path / "out.wav")] if command == "file" else []
        monkeypatch.setattr(sys, "argv", ["rtdenoise", command, *files, f"{option}={value}"])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr().err.strip().splitlines()
        assert stop.value.code == 2 and len(said) == 1, (command, option, said)
        assert said[0].startswith("rtdenoise: ")
        assert [p.name for p in tmp_path.iterdir()] == ["in.wav"]


def test_importing_the_package_stays_light():
    code = "import sys, rtdenoise; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


def test_a_denoiser_that_is_not_used_any_more_leaves_the_memory(toy_stream_model):
    denoiser = Denoiser(toy_stream_model)
    denoiser(noise(4800), 44_100)
    ((processor,),) = denoiser._idle.values()
    engine = weakref.ref(processor.engine)
    del denoiser, processor
    assert engine() is None  # at once: a session holds memory that Python does not see
