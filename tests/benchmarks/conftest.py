"""Fixtures of the tests of several benchmarks."""

import pytest

from benchmarks.peers import deepfilternet


@pytest.fixture
def quick_peer(monkeypatch, tmp_path):
    """A peer that halves its input: the real one takes seconds a clip and may not be installed."""
    archive = tmp_path / "peer.tar.gz"
    archive.write_bytes(b"weights")
    monkeypatch.setattr(deepfilternet, "model_archive", lambda: archive)
    monkeypatch.setattr(deepfilternet, "denoise_aligned", lambda audio: audio / 2)
