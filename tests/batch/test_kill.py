"""kill -9 at random moments: started again, a folder run does each file once and leaves no rest.

RTDENOISE_KILLS is the number of kills (200 takes a quarter of an hour).
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import soundfile as sf

from tests.command import RTDENOISE, noise

KILLS = int(os.environ.get("RTDENOISE_KILLS", 4))
KINDS = ("wav", "flac", "mp3", "aiff", "m4a")
FILES = 15
LONGEST_SECONDS = 60  # of a run; killed somewhere in the first part of it


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    pytest.importorskip("av")
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    for number in range(FILES):
        kind = KINDS[number % len(KINDS)]
        path = folder / ("sub" if number % 2 else ".") / f"{number}.{kind}"
        sound = noise(48_000 * (2 + number % 3))
        if kind == "m4a":
            sf.write(tmp_path / "x.wav", sound, 48_000)
            _to_m4a(tmp_path / "x.wav", path)
        else:
            sf.write(path, sound, 48_000)
    return folder


def _to_m4a(source: Path, target: Path) -> None:
    from rtdenoise.files import open_reader, open_writer

    with open_reader(source) as reader, open_writer(target, reader) as writer:
        for block in reader.blocks(48_000):
            writer.write(block)


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of each finished output: a file that is done again has others."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.endswith(".part"):
            found[str(path.relative_to(folder))] = (path.stat().st_ino, path.stat().st_mtime_ns)
    return found


def seconds(path: Path) -> float:
    from rtdenoise.files import open_reader

    with open_reader(path) as reader:
        return sum(map(len, reader.blocks(48_000))) / reader.sample_rate


def test_every_file_is_whole_and_done_once(tree, tmp_path, toy_stream_model):
    generator, kills, rounds = random.Random(0), 0, 0
    names = {str(path.relative_to(tree)) for path in tree.rglob("*.*")}
    longest = 1.0  # s until a run is killed at the latest; follows the speed of the machine
    while kills < KILLS:
        out = tmp_path / "out"
        before: dict[str, tuple[int, int]] = {}
        rounds += 1
        while set(before) != names:
            process = subprocess.Popen(
                [*RTDENOISE, "file", tree, out, "--model", toy_stream_model, "--quiet"]
            )
            started = time.monotonic()
            try:
                kill_at = longest * generator.random() if kills < KILLS else LONGEST_SECONDS
                assert process.wait(kill_at) == 0
                longest = max(0.5, time.monotonic() - started)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
                longest = min(1.1 * longest, LONGEST_SECONDS)  # too short to finish any file?
            after = stamps(out) if out.exists() else {}
            assert before.items() <= after.items(), "a finished file was done again, or is gone"
            before = after
        for name in names:
            assert abs(seconds(out / name) - seconds(tree / name)) < 0.03, name
        # What the last kill left is removed when rtdenoise next runs there.
        subprocess.run([*RTDENOISE, "file", tree, out, "--quiet"], check=True)
        assert {str(path.relative_to(out)) for path in out.rglob("*.*")} == names
        shutil.rmtree(out)
    print(f"{kills} kills in {rounds} rounds of {FILES} files")
    assert kills >= KILLS
