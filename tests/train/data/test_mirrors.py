"""Recordings of git mirrors: what a list names is written, what is absent is named."""

import csv
import gzip
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rtdenoise.errors import RtdenoiseError
from tests.train.data.test_download import wav
from train.data.mirrors import COLUMNS, LISTS, read_list
from train.data.recordings import entries_of


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def mirrors(tmp_path):
    """A mirror some/sounds of two recordings, of which a later commit has changed the first."""
    work = tmp_path / "work"
    (work / "a").mkdir(parents=True)
    git(work, "init", "-q")
    for number, name in enumerate(("a/fan.wav", "rain.wav")):
        (work / name).write_bytes(wav(number))
    git(work, "add", ".")
    git(work, "commit", "-qm", "sounds")
    (work / "a/fan.wav").write_bytes(wav(7))
    git(work, "commit", "-qam", "another")
    target = tmp_path / "mirrors/some+sounds"
    subprocess.run(["git", "clone", "-q", "--mirror", str(work), str(target)], check=True)
    return tmp_path / "mirrors"


def blob(content: bytes) -> str:
    hashed = subprocess.run(
        ["git", "hash-object", "--stdin"], input=content, capture_output=True, check=True
    )
    return hashed.stdout.decode().strip()


def listed(path: Path, *rows: tuple[str, ...], columns: tuple[str, ...] = COLUMNS) -> Path:
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    path.write_bytes(gzip.compress(text.getvalue().encode()))
    return path


def run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "train.data.mirrors", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True)


FAN = ("house", "fans", "some/sounds", "a/fan.wav", blob(wav(0)), "CC0-1.0", "README")
RAIN = ("house", "weather", "some/sounds", "rain.wav", blob(wav(1)), "CC0-1.0", "README")
OTHER = ("other", "cars", "no/mirror", "car.wav", blob(wav(2)), "CC0-1.0", "README")


def test_the_recordings_of_a_list_are_written_by_source_and_class(mirrors, tmp_path):
    recordings = listed(tmp_path / "list.csv.gz", FAN, RAIN)
    done = run(mirrors, tmp_path / "corpus", "--list", recordings)
    assert done.returncode == 0, done.stderr
    assert "some/sounds: 2 of 2 recordings" in done.stdout
    (fan,) = (tmp_path / "corpus/noise/house/fans").iterdir()
    assert fan.read_bytes() == wav(0)  # as it was when the list was made
    clips = [clip for _, clip in entries_of(tmp_path / "corpus", "noise")]
    assert {(clip.source, clip.speaker) for clip in clips} == {
        ("house", "house/fans"),
        ("house", "house/weather"),
    }


@pytest.mark.parametrize("place", ["some+sounds", "some/sounds", "some+sounds/clone"])
def test_a_clone_with_its_files_serves_as_well(mirrors, tmp_path, place):
    shutil.move(mirrors / "some+sounds", tmp_path / "bare")
    subprocess.run(["git", "clone", "-q", tmp_path / "bare", mirrors / place], check=True)
    done = run(mirrors, tmp_path / "corpus", "--list", listed(tmp_path / "list.gz", FAN))
    assert done.returncode == 0, done.stderr
    (fan,) = (tmp_path / "corpus/noise/house/fans").iterdir()
    assert fan.read_bytes() == wav(0)


def test_an_absent_mirror_or_recording_is_named_and_the_others_are_written(mirrors, tmp_path):
    lost = (*RAIN[:4], "0" * 40, *RAIN[5:])
    recordings = listed(tmp_path / "list.csv.gz", FAN, lost, OTHER)
    done = run(mirrors, tmp_path / "corpus", "--list", recordings)
    assert done.returncode == 2
    assert "no/mirror, some/sounds are absent" in done.stderr
    assert f"git clone --mirror https://github.com/no/mirror {mirrors}/no+mirror" in done.stderr
    assert len(list((tmp_path / "corpus/noise").rglob("*.wav"))) == 1


def test_nothing_is_written_outside_of_the_corpus(mirrors, tmp_path):
    recordings = listed(tmp_path / "list.csv.gz", ("..", "../..", *FAN[2:]))
    done = run(mirrors, tmp_path / "corpus", "--list", recordings)
    assert done.returncode == 2
    assert "lies outside" in done.stderr
    assert not list(tmp_path.glob("fan*"))


NO_LISTS = {"not compressed": b"source,class", "columns": gzip.compress(b"source,class\na,b\n")}


@pytest.mark.parametrize("content", NO_LISTS.values(), ids=NO_LISTS)  # gzip stores the time
def test_what_is_no_list_is_refused(content, tmp_path):
    path = tmp_path / "list.csv.gz"
    path.write_bytes(content)
    with pytest.raises(RtdenoiseError, match="list|gzipped CSV"):
        read_list(path)


def test_a_list_may_name_speech(mirrors, tmp_path):
    columns = (*COLUMNS, "kind")
    recordings = listed(tmp_path / "list.csv.gz", (*FAN, "clean"), columns=columns)
    done = run(mirrors, tmp_path / "corpus", "--list", recordings)
    assert done.returncode == 0, done.stderr
    assert [path.read_bytes() for path in (tmp_path / "corpus/clean/house/fans").iterdir()] == [
        wav(0)
    ]


@pytest.mark.parametrize(("path", "least"), zip(LISTS, (2000, 1000), strict=True))
def test_the_lists_of_this_package_have_free_recordings_only(path, least):
    rows = read_list(path)
    assert len(rows) > least
    assert all(re.fullmatch("[0-9a-f]{40}", row["blob"]) for row in rows)
    for row in rows:
        assert re.search("CC0|CC BY|MIT|GPL|BSD|Apache|public domain", row["licence"]), row
        assert not re.search(r"\bN[CD]\b", row["licence"]), row
        assert row["credits"], row


def test_no_speaker_of_voicebank_demand_s_test_is_among_the_voices():
    rows = [row for path in LISTS for row in read_list(path) if row.get("kind") == "clean"]
    assert rows and {"p226", "p232", "p257", "p287"}.isdisjoint(row["class"] for row in rows)
