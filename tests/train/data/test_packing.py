"""The packer: sides that share no speaker and no held-out source, and unusable files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from rtdenoise.errors import RtdenoiseError
from train.data.banks import read_clips
from train.data.corpus import Corpus
from train.data.recordings import fade, read_piece, scan

RATE = 48_000


def voice(seconds: float = 1.0, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Noise that swells and fades: 40 dB between its loud and its quiet frames."""
    count = round(seconds * rate)
    swell = np.abs(np.sin(np.arange(count) / rate * 9)) ** 3 + 0.001
    return np.random.default_rng(seed).standard_normal(count) * swell * 0.1


def collection(root: Path, sources: int = 2, speakers: int = 10) -> Path:
    for source in range(sources):
        for speaker in range(speakers):
            folder = root / "clean" / f"source{source}" / f"speaker{source}-{speaker}"
            folder.mkdir(parents=True)
            for i in range(2):
                sf.write(folder / f"{i}.wav", voice(seed=i), RATE)
        folder = root / "noise" / f"noises{source}" / "fan"
        folder.mkdir(parents=True)
        sf.write(folder / "a.wav", voice(), RATE)
    return root


def pack(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "train.data.packing", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def speakers(packed: Path) -> set[str]:
    return {clip.speaker for clip in read_clips(packed / "clean.csv")}


def test_validation_speakers_are_apart(tmp_path):
    collection(tmp_path / "in")
    done = pack(tmp_path / "in", tmp_path / "out", "--validation", "0.3")
    assert done.returncode == 0, done.stderr
    train, held = (speakers(tmp_path / "out" / side) for side in ("train", "validation"))
    assert len(train | held) == 20 and train and held and not train & held
    assert not (tmp_path / "out" / "seen").exists()


def test_held_out_sources_are_in_validation_only(tmp_path):
    collection(tmp_path / "in")
    held_out = ("--hold-out", "source1", "--hold-out", "noises1")
    done = pack(tmp_path / "in", tmp_path / "out", "--validation", "0.3", *held_out)
    assert done.returncode == 0, done.stderr
    sources = {
        (side, kind): {c.source for c in read_clips(tmp_path / "out" / side / f"{kind}.csv")}
        for side in ("train", "validation", "seen")
        for kind in ("clean", "noise")
    }
    assert sources["validation", "clean"] == {"source1"}
    assert sources["validation", "noise"] == {"noises1"}
    assert sources["train", "clean"] == sources["seen", "clean"] == {"source0"}
    assert "noises1" not in sources["train", "noise"] | sources["seen", "noise"]
    assert not speakers(tmp_path / "out/train") & speakers(tmp_path / "out/seen")


def test_a_speaker_can_be_held_out(tmp_path):
    collection(tmp_path / "in")
    done = pack(tmp_path / "in", tmp_path / "out", "--hold-out", "source0/speaker0-3")
    assert done.returncode == 0, done.stderr
    sides = {side: speakers(tmp_path / "out" / side) for side in ("train", "validation", "seen")}
    assert sides["validation"] == {"source0/speaker0-3"}
    assert len(sides["train"] | sides["seen"]) == 19


def test_speakers_can_be_left_out(tmp_path):
    collection(tmp_path / "in")
    done = pack(tmp_path / "in", tmp_path / "out", "--leave-out", "source0/speaker0-3")
    assert done.returncode == 0, done.stderr
    names = speakers(tmp_path / "out/train") | speakers(tmp_path / "out/validation")
    assert len(names) == 19 and "source0/speaker0-3" not in names


def test_samples_lie_where_the_table_says(tmp_path):
    collection(tmp_path / "in", sources=1, speakers=6)
    done = pack(tmp_path / "in", tmp_path / "out", "--validation", "0")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["train"]
    bank = Corpus.load(tmp_path / "out" / "train").clean
    assert len(bank.samples) == sum(clip.length for clip in bank.clips)
    for clip in bank.clips:
        path = tmp_path / "in" / "clean" / clip.file
        got = bank.samples[clip.start : clip.start + clip.length]
        assert torch.equal(got, torch.from_numpy(fade(read_piece(path, clip)[0])))
        assert clip.level - clip.floor > 30


def test_what_a_manifest_does_not_list_is_packed_too(tmp_path):
    root = collection(tmp_path / "in", sources=1)
    rows = ["file,kind,source,licence,attribution,speaker_or_class,seconds,bw"]
    names = sorted(path.relative_to(root) for path in root.rglob("*.wav"))
    rows += [f"{name},{name.parts[0]},listed,CC0,us,{name.parts[-2]},1,20000" for name in names]
    (root / "manifest.csv").write_text("\n".join(rows) + "\n")
    (root / "noise" / "games" / "engines").mkdir(parents=True)
    sf.write(root / "noise" / "games" / "engines" / "b.wav", voice(), RATE)
    done = pack(root, tmp_path / "out", "--validation", "0.3")
    assert done.returncode == 0, done.stderr
    noises = {
        (clip.source, clip.speaker)
        for side in ("train", "validation")
        for clip in read_clips(tmp_path / "out" / side / "noise.csv")
    }
    assert noises == {("listed", "listed/fan"), ("games", "games/engines")}


def test_unusable_files_are_named_and_left_out(tmp_path):
    folder = collection(tmp_path / "in") / "clean" / "source0" / "speaker0-0"
    bad = {
        "silent": (np.zeros(RATE), RATE),
        "nan": (np.where(np.arange(RATE) == 99, np.nan, voice()), RATE),
        "short": (voice(0.01), RATE),
        "telephone": (voice(rate=8000), 8000),
        "hissing": (0.1 * np.random.default_rng(0).standard_normal(RATE), RATE),
    }
    for name, (sound, rate) in bad.items():
        sf.write(folder / f"{name}.wav", sound, rate, "FLOAT")
    (folder / "broken.flac").write_bytes(b"fLaC, but not really")
    done = pack(tmp_path / "in", tmp_path / "out", "--validation", "0.3")
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    for name, why in (
        ("silent.wav", "is silent"),
        ("nan.wav", "not numbers"),
        ("short.wav", "at least 0.05 s"),
        ("telephone.wav", "8000 Hz"),
        ("hissing.wav", "is noisy"),
        ("broken.flac", "cannot be read"),
    ):
        assert sum(name in line and why in line for line in lines) == 1, (name, lines)
    assert len(lines) == 6 and "6 of" in done.stdout
    files = {Path(c.file).stem for c in read_clips(tmp_path / "out/train/clean.csv")}
    assert files == {"0", "1"}


def test_bad_input_is_one_line(tmp_path):
    collection(tmp_path / "in", speakers=1)
    (tmp_path / "little" / "clean" / "anna").mkdir(parents=True)
    sf.write(tmp_path / "little" / "clean" / "anna" / "a.wav", voice(0.5), RATE)
    (tmp_path / "file").write_text("")
    for arguments, word in (
        ((tmp_path / "none", tmp_path / "out"), "does not exist"),
        (
            (tmp_path / "in", tmp_path / "out", "--leave-out", "nobody"),
            "no speaker is called nobody",
        ),
        ((tmp_path / "in", tmp_path / "out", "--hold-out", "sauce"), "noises0, noises1, source0"),
        ((tmp_path / "little", tmp_path / "out", "--validation", "0"), "at least 1 s is needed"),
        ((tmp_path / "in", tmp_path / "out", "--hold-out", "noises1"), "no speech for validation"),
        ((tmp_path / "in", tmp_path / "file" / "out"), "not a folder that can be written"),
    ):
        done = pack(*arguments)
        assert done.returncode == 2 and word in done.stderr, done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.rglob("*.part"))


def test_long_files_are_packed_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr("train.data.recordings.PIECE", 2)
    (tmp_path / "clean" / "anna").mkdir(parents=True)
    sf.write(tmp_path / "clean" / "anna" / "long.wav", voice(7, 24_000), 24_000)
    bank = Corpus.from_directories([tmp_path / "clean"]).clean
    assert [clip.length for clip in bank.clips] == 3 * [2 * RATE] + [RATE]
    assert len(bank.run_starts) == 1 and bank.run_ends[0] == 7 * RATE
    assert all(clip.bandwidth == 12_000 for clip in bank.clips)  # half of the file's rate


def test_the_corpus_goes_on_without_unusable_files(tmp_path, capsys):
    folder = tmp_path / "clean" / "anna"
    folder.mkdir(parents=True)
    sf.write(folder / "a.wav", voice(6), RATE)
    sf.write(folder / "b.wav", np.zeros(RATE), RATE)
    assert len(Corpus.from_directories([tmp_path / "clean"]).clean) == 1
    assert "b.wav is silent" in capsys.readouterr().err
    sf.write(folder / "a.wav", voice(0.9), RATE)
    with pytest.raises(RtdenoiseError, match="0.9 s of usable speech, at least 1 s"):
        Corpus.from_directories([tmp_path / "clean"])


def test_the_first_folder_is_the_source(tmp_path):
    collection(tmp_path, sources=1, speakers=1)
    path, clip = scan([tmp_path / "clean"])[0]
    assert (clip.source, clip.speaker, path.name) == ("source0", "source0/speaker0-0", "0.wav")


def test_speakers_of_two_sources_may_have_the_same_name(tmp_path):
    for way in ("one/s5", "two/s5", "anna"):
        (tmp_path / way).mkdir(parents=True)
        sf.write(tmp_path / way / "a.wav", voice(1), RATE)
    sf.write(tmp_path / "b.wav", voice(1), RATE)
    found = {(clip.source, clip.speaker) for _, clip in scan([tmp_path])}
    alone = (tmp_path.name, tmp_path.name)
    assert found == {("one", "one/s5"), ("two", "two/s5"), ("anna", "anna"), alone}


def test_a_room_response_keeps_its_direct_sound(tmp_path):
    for kind, name in (("clean", "anna"), ("rir", "hall")):
        (tmp_path / kind / name).mkdir(parents=True)
        sf.write(
            tmp_path / kind / name / "a.wav", voice(6) + 0.5 * (np.arange(6 * RATE) == 9), RATE
        )
    corpus = Corpus.from_directories([tmp_path / "clean"], rir=[tmp_path / "rir"])
    assert corpus.rir.samples[9] > 15_000 and abs(corpus.clean.samples[9]) < 1_500
