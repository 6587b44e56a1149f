"""onnxruntime-web: found in a folder, a package or the cache; fetched only when asked; checked."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from rtdenoise.app import runtime as module
from rtdenoise.app.runtime import CACHE_VARIABLE, find_runtime
from rtdenoise.errors import RtdenoiseError

CONTENT = {module.LOADER: b"loader", module.BINARY: b"binary"}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Short files take the place of onnxruntime-web's, and an empty folder that of the cache."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    monkeypatch.setattr(module, "SHA256", hashes)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


def pack(path: Path, content: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def fake_npm(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program called npm in the place of the real one."""
    npm = folder / "bin/npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{npm.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("sys.executable", str(folder / "nowhere/python"))


def test_without_it_the_message_says_how_to_get_it():
    with pytest.raises(RtdenoiseError, match="rtdenoise app --fetch-runtime"):
        find_runtime()


def test_from_a_package_and_from_a_folder(tmp_path):
    assert find_runtime(pack(tmp_path / "a.tgz", CONTENT)) == (b"loader", b"binary")
    (tmp_path / "package/dist").mkdir(parents=True)
    for name, data in CONTENT.items():
        (tmp_path / "package/dist" / name).write_bytes(data)
    assert find_runtime(tmp_path / "package") == find_runtime(tmp_path / "package/dist")


def test_another_version_or_a_changed_file_is_refused(tmp_path):
    changed = pack(tmp_path / "a.tgz", {**CONTENT, module.BINARY: b"changed"})
    with pytest.raises(RtdenoiseError, match="SHA-256 differs"):
        find_runtime(changed)


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_what_is_no_package_is_refused(tmp_path, content):
    (tmp_path / "a.tgz").write_bytes(content)
    with pytest.raises(RtdenoiseError, match="npm pack"):
        find_runtime(tmp_path / "a.tgz")
    with pytest.raises(RtdenoiseError, match="does not exist"):
        find_runtime(tmp_path / "missing.tgz")
    with pytest.raises(RtdenoiseError, match="is not in it"):
        find_runtime(tmp_path)


def test_fetched_once_and_then_taken_from_the_cache(tmp_path, monkeypatch):
    package = pack(tmp_path / "a.tgz", CONTENT)
    fake_npm(tmp_path, monkeypatch, f"cp {package} . && echo run >> {tmp_path}/runs")
    assert find_runtime(fetch=True) == find_runtime(fetch=True) == find_runtime()
    assert (tmp_path / "runs").read_text() == "run\n"
    assert len(list((tmp_path / "cache").rglob("*.*"))) == 3  # the folder and two files


def test_a_failing_npm_is_one_line(tmp_path, monkeypatch):
    # As the real one does, it says nothing where it is told to be silent.
    script = 'case "$*" in *silent*) ;; *) echo no network >&2 ;; esac; exit 1'
    fake_npm(tmp_path, monkeypatch, script)
    with pytest.raises(RtdenoiseError, match=r"could not download .* \(no network\)"):
        find_runtime(fetch=True)
    assert not (tmp_path / "cache").exists()


def test_a_changed_download_is_not_kept(tmp_path, monkeypatch):
    package = pack(tmp_path / "a.tgz", {**CONTENT, module.LOADER: b"changed"})
    fake_npm(tmp_path, monkeypatch, f"cp {package} .")
    with pytest.raises(RtdenoiseError, match="SHA-256 differs"):
        find_runtime(fetch=True)
    assert not (tmp_path / "cache").exists()


def test_without_npm_the_message_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(RtdenoiseError, match=r"rtdenoise\[app\]"):
        find_runtime(fetch=True)
