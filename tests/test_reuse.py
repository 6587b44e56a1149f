"""Copies, pickles, processes and threads of one `Denoiser`, and what a use of it leaves behind."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser, RtdenoiseError
from tests.command import noise

FRAMES = 5000


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


def test_spawned_workers(toy_denoiser):
    audio = noise(FRAMES)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results = pool.starmap_async(toy_denoiser, [(audio, 48_000)] * 3).get(timeout=240)
    for result in results:
        np.testing.assert_array_equal(result, toy_denoiser(audio, 48_000))


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


def test_threads_share_a_denoiser(toy_denoiser):
    audio = [noise(FRAMES + i) for i in range(6)]
    expected = [toy_denoiser(x, 16_000) for x in audio]
    got: list = [None] * 6
    threads = [
        threading.Thread(target=lambda i=i: got.__setitem__(i, toy_denoiser(audio[i], 16_000)))
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


def test_a_failed_file_leaves_no_state_behind(toy_denoiser, tmp_path):
    sf.write(tmp_path / "in.wav", noise(FRAMES), 48_000)
    expected = toy_denoiser(noise(FRAMES), 48_000)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        toy_denoiser.file(tmp_path / "in.wav", tmp_path / "out.wav", progress=stop)
    np.testing.assert_array_equal(toy_denoiser(noise(FRAMES), 48_000), expected)


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
