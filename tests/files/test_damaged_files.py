"""A share of the fuzzing run: `python -m tests.fuzzing` takes 10,000 files."""

from __future__ import annotations

import random
import sys

import pytest

from tests.fuzzing import worker
from tests.fuzzing.damage import KINDS, damage
from tests.fuzzing.runner import Worker, fuzz
from tests.fuzzing.sources import FORMATS

pytest.importorskip("av")
FILES = 210  # ten of each format


def test_damaged_files_are_denoised_or_refused_in_one_line(toy_stream_model, tmp_path):
    outcome = fuzz(range(FILES), 1, toy_stream_model, tmp_path)
    assert outcome.findings == []
    assert sum(outcome.counts.values()) == FILES
    for result in ("denoised", "denoised with a warning", "refused"):
        assert sum(outcome.counts[name, result] for name in FORMATS) > FILES / 10, outcome.table()


def test_damage_comes_from_the_seed():
    data = bytes(range(256)) * 20
    same = [damage(data, [data], random.Random("0 7")) for _ in range(2)]
    assert same[0] == same[1] != damage(data, [data], random.Random("0 8"))
    for kind in set(KINDS):
        assert any(kind(data, random.Random(i)) != data for i in range(5)), kind.__name__


@pytest.mark.parametrize(
    "code, error, left, word",
    [
        (1, "rtdenoise: unexpected error (X)", (), "exit code 1"),
        (2, "rtdenoise: unexpected error (X)", (), "unexpected"),
        (2, "", (), "no line"),
        (2, "one\nrtdenoise: two", (), "more than a line"),
        (2, "rtdenoise: no", (".out.wav.1.part",), "left behind"),
        (0, "", (), "left behind"),
        (0, "", ("out.wav", "more"), "left behind"),
    ],
)
def test_the_worker_finds(tmp_path, code, error, left, word):
    for name in ("in.wav", *left):
        (tmp_path / name).touch()
    job = {"source": str(tmp_path / "in.wav"), "target": str(tmp_path / "out.wav")}
    assert word in worker.finding(job, code, error)


def test_a_crash_and_a_hang_are_findings(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.fuzzing.runner.HANG_SECONDS", 0.5)
    fake = Worker(tmp_path / "t")
    for program, word in (
        ("import os; print('ready', flush=True); input(); os.abort()", "crash"),
        ("import time; print('ready', flush=True); input(); time.sleep(60)", "hang"),
    ):
        monkeypatch.setattr(fake, "command", (sys.executable, "-c", program))
        assert word in fake.ask({})["finding"]
