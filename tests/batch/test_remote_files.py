"""A folder in an object store: a local server that speaks S3's protocol."""

import os

import numpy as np
import pytest
import soundfile as sf

from tests.command import run

pytest.importorskip("s3fs", reason="pip install s3fs for the tests of s3://")
ThreadedMotoServer = pytest.importorskip("moto.server").ThreadedMotoServer


@pytest.fixture(scope="module")
def store():
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    os.environ |= keys
    yield {**os.environ, **keys, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    server.stop()


def test_from_bucket_to_bucket(store, tmp_path, toy_stream_model):
    import s3fs

    bucket = s3fs.S3FileSystem(endpoint_url=store["AWS_ENDPOINT_URL"])
    bucket.mkdir("voices")
    noise = 0.1 * np.random.default_rng(0).standard_normal(24_000)
    for name in ("a.wav", "b.flac"):
        sf.write(tmp_path / name, noise, 48_000)
        bucket.put_file(str(tmp_path / name), f"voices/in/sub/{name}")
    bucket.pipe_file("voices/in/broken.wav", b"no audio")
    common = ("s3://voices/in", "s3://voices/out", "--model", toy_stream_model)
    result = run("file", *common, env=store)
    assert result.returncode == 1 and "2 denoised" in result.stdout, result.stderr
    assert "s3://voices/in/broken.wav" in result.stderr
    found = sorted(bucket.find("voices/out"))
    assert found == ["voices/out/sub/a.wav", "voices/out/sub/b.flac"]
    bucket.get_file("voices/out/sub/b.flac", str(tmp_path / "out.flac"))
    assert sf.info(tmp_path / "out.flac").frames == 24_000
    again = run("file", *common, env=store)
    assert "0 denoised" in again.stdout and "2 skipped" in again.stdout, again
    away = run("file", "s3://nowhere/in", tmp_path / "out", env=store)
    assert away.returncode == 2 and away.stderr.count("\n") == 1, away.stderr
