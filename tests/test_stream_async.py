"""Streams among others: async iteration, a stream for each thread, threads that share one."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from rtdenoise import Denoiser
from tests.streams import chunks, noise


def test_async_iteration_leaves_the_loop_free(denoiser):
    audio = noise(48_000)

    async def run() -> list[np.ndarray]:
        async def deliver():
            for chunk in chunks(audio, 2000):
                await asyncio.sleep(0)
                yield chunk

        loop_thread, threads = threading.get_ident(), set()
        stream = denoiser.stream(48_000, aligned=True)
        write = stream.write

        def noted(chunk):
            threads.add(threading.get_ident())
            return write(chunk)

        stream.write = noted
        out = [part async for part in stream.iterate(deliver())]
        assert threads and loop_thread not in threads
        return out

    heard = np.concatenate(asyncio.run(run()))
    np.testing.assert_allclose(heard, denoiser(audio, 48_000), atol=1e-5)


def test_each_thread_may_have_its_own_stream():
    denoiser = Denoiser(opening=0)  # a new one: the threads meet while the first stream is made
    inputs = [noise(24_000, seed=seed) for seed in range(8)]

    def run(audio: np.ndarray) -> np.ndarray:
        stream = denoiser.stream(48_000, aligned=True)
        return np.concatenate(
            list(stream.iterate(audio[i : i + 960] for i in range(0, 24_000, 960)))
        )

    with ThreadPoolExecutor(8) as pool:
        for audio, heard in zip(inputs, pool.map(run, inputs), strict=True):
            np.testing.assert_allclose(heard, denoiser(audio, 48_000), atol=1e-5)


def test_threads_that_share_a_stream_wait_for_each_other(denoiser):
    stream = denoiser.stream(48_000)
    with ThreadPoolExecutor(4) as pool:
        outputs = list(pool.map(stream.write, [np.full(960, 0.1, "f")] * 40))
    expected = denoiser.stream(48_000)
    expected = [expected.write(np.full(960, 0.1, "f")) for _ in range(40)]
    got = np.sort(np.concatenate(outputs))
    np.testing.assert_allclose(got, np.sort(np.concatenate(expected)), atol=1e-5)
