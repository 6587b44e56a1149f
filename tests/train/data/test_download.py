"""Public corpora: the licence first, broken downloads resumed, archives checked and unpacked."""

import functools
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise.errors import RtdenoiseError
from train.data.archives import unpack
from train.data.download import REGISTRY


class Server(SimpleHTTPRequestHandler):
    """Serves files with ranges; breaks off after `limit` bytes as often as `breaks` says."""

    limit, breaks, asked = 1 << 40, 0, []

    def do_GET(self) -> None:
        content = Path(self.translate_path(self.path)).read_bytes()
        asked = self.headers.get("Range")
        start = int(asked.split("=")[1].rstrip("-")) if asked else 0
        Server.asked.append(start)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = len(content)
        if Server.breaks:
            Server.breaks -= 1
            stop = min(stop, start + Server.limit)
        self.wfile.write(content[start:stop])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    handler = functools.partial(Server, directory=folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Server.asked, Server.breaks = [], 0
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def wav(seed: int) -> bytes:
    held = io.BytesIO()
    noise = 0.1 * np.random.default_rng(seed).standard_normal(24_000)
    sf.write(held, noise, 48_000, format="WAV")
    return held.getvalue()


def publish(site, take: dict[str, str], kind: str = "zip", **more: str) -> Path:
    """Put an archive on the server; returns a registry that names it."""
    folder, url = site
    names = {"set/noise/a.wav": wav(1), "set/noise/b.wav": wav(2), "set/read.me": b"text"}
    if kind == "zip":
        with zipfile.ZipFile(folder / "set.zip", "w") as archive:
            for name, content in names.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(folder / f"set.{kind}", "w:gz") as archive:
            for name, content in names.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    content = (folder / f"set.{kind}").read_bytes()
    file = {"url": f"{url}/set.{kind}", "take": take, "md5": hashlib.md5(content).hexdigest()}
    file = {key: value for key, value in (file | more).items() if value}
    about = {"title": "A set", "licence": "CC BY 4.0", "page": url, "gigabytes": 0, "files": [file]}
    (folder / "registry.json").write_text(json.dumps({"set": about}))
    return folder / "registry.json"


def run(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "train.data.download", *map(str, arguments)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_downloaded_checked_unpacked(site, tmp_path, kind):
    registry = publish(site, {"set/noise/": "noise"}, kind)
    result = run("set", tmp_path / "out", "--yes", "--registry", registry)
    assert result.returncode == 0, result.stderr
    found = sorted(p.name for p in (tmp_path / "out" / "noise" / "set").rglob("*.wav"))
    assert found == ["a.wav", "b.wav"] and not list((tmp_path / "out").rglob("read.me"))
    assert (tmp_path / "out/noise/set/set/noise/a.wav").read_bytes() == wav(1)
    again = run("set", tmp_path / "out", "--yes", "--registry", registry)
    assert again.returncode == 0 and len(Server.asked) == 1  # the archive was there


def debian_package(files: dict[str, bytes]) -> bytes:
    """Return an ar archive with a member before data.tar.xz, as dpkg-deb makes it."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:xz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    package = b"!<arch>\n"
    for name, content in (("debian-binary", b"2.0"), ("data.tar.xz", held.getvalue())):
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
        package += header.encode() + content + b"\n" * (len(content) % 2)
    return package


def test_a_debian_package_and_what_is_packed_within_it(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("sound/voice/c.wav", wav(3))
        archive.writestr("sound/d.wav", wav(4))
    names = {"a.wav": wav(1), "b.ogg": b"not taken", "c.OPUS": b"taken"}
    names["game.pk3"] = inner.getvalue()
    names = {f"./usr/games/{name}": content for name, content in names.items()}
    names["./usr/share/doc/game/copyright"] = b"CC0"
    (tmp_path / "game.deb").write_bytes(debian_package(names))
    take = {"./": "noise", "./usr/games/game.pk3/sound/voice/": "", "./usr/games/b.ogg": ""}
    assert unpack(tmp_path / "game.deb", take, tmp_path / "out", "games") == 3
    root = tmp_path / "out/noise/games/usr"
    found = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
    sounds = ["games/a.wav", "games/c.OPUS", "games/game.pk3/sound/d.wav"]
    assert found == [*sounds, "share/doc/game/copyright"]
    assert (root / "games/game.pk3/sound/d.wav").read_bytes() == wav(4)
    (tmp_path / "game.deb").write_bytes(b"!<arch>\n")
    with pytest.raises(RtdenoiseError, match="game.deb is damaged"):
        unpack(tmp_path / "game.deb", take, tmp_path / "out", "games")


def test_the_licence_is_shown_and_nothing_fetched_without_consent(site, tmp_path):
    registry = publish(site, {"": "noise"})
    result = run("set", tmp_path / "out", "--registry", registry)
    assert result.returncode == 2 and "licence: CC BY 4.0" in result.stdout
    assert "nothing was downloaded" in result.stderr
    assert not Server.asked and not (tmp_path / "out").exists()


def test_a_broken_download_goes_on_where_it_stopped(site, tmp_path):
    registry = publish(site, {"": "noise"})
    Server.limit, Server.breaks = 40_000, 2
    result = run("set", tmp_path / "out", "--yes", "--registry", registry)
    assert result.returncode == 0, result.stderr
    assert Server.asked == [0, 40_000, 80_000]


def test_another_run_goes_on_too(site, tmp_path):
    registry = publish(site, {"": "noise"})
    content = (site[0] / "set.zip").read_bytes()
    archives = tmp_path / "out" / "archives" / "set"
    archives.mkdir(parents=True)
    (archives / "set.zip.part").write_bytes(content[:1234])
    assert run("set", tmp_path / "out", "--yes", "--registry", registry).returncode == 0
    assert Server.asked == [1234]
    assert (archives / "set.zip").read_bytes() == content


def test_what_is_not_as_published_is_refused(site, tmp_path):
    registry = publish(site, {"": "noise"}, md5="0" * 32)
    result = run("set", tmp_path / "out", "--yes", "--registry", registry)
    assert result.returncode == 2 and "differs from what was published" in result.stderr
    assert not list((tmp_path / "out").rglob("*.wav"))
    assert not list((tmp_path / "out").rglob("*.zip*"))


def test_without_a_published_checksum_the_first_one_is_kept(site, tmp_path):
    registry = publish(site, {"": "noise"}, md5="")
    assert "kept SHA-256" in run("set", tmp_path / "out", "--yes", "--registry", registry).stdout
    archive = tmp_path / "out" / "archives" / "set" / "set.zip"
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    changed = run("set", tmp_path / "out", "--yes", "--registry", registry)
    assert changed.returncode == 2 and "sha256" in changed.stderr


def test_bad_input_is_one_line(site, tmp_path):
    registry = publish(site, {"": "noise"})
    (site[0] / "set.zip").unlink()
    for arguments, word in (
        (("nothing", tmp_path), "esc-50"),
        (("set", tmp_path, "--yes", "--registry", tmp_path / "none.json"), "does not exist"),
        (("set", tmp_path, "--yes", "--registry", __file__), "is not a registry"),
    ):
        result = run(*arguments)
        assert result.returncode == 2 and word in result.stderr
        assert result.stderr.count("\n") == 1
    away = json.loads(registry.read_text())
    away["set"]["files"][0]["url"] = "http://127.0.0.1:9/set.zip"
    registry.write_text(json.dumps(away))
    result = run("set", tmp_path / "out", "--yes", "--registry", registry)
    assert result.returncode == 2 and "cannot be downloaded" in result.stderr


def test_an_archive_cannot_write_elsewhere(site, tmp_path):
    registry = publish(site, {"": "noise"}, md5="")
    with zipfile.ZipFile(site[0] / "set.zip", "w") as archive:
        archive.writestr("../../../escaped.wav", wav(0))
    result = run("set", tmp_path / "out", "--yes", "--registry", registry)
    assert result.returncode == 2 and "outside" in result.stderr
    assert not list(tmp_path.rglob("escaped.wav"))


def test_the_registry_lists_what_users_train_on():
    corpora = json.loads(REGISTRY.read_text())
    wanted = {"voicebank-demand", "dns-challenge", "musan", "rirs-noises", "ears", "esc-50"}
    wanted |= {"debian-sounds"}
    assert wanted <= set(corpora)
    for corpus in corpora.values():
        assert corpus["licence"] and corpus["page"].startswith("https://")
        assert all(file["url"].startswith("https://") for file in corpus["files"])
        kinds = {kind for file in corpus["files"] for kind in file["take"].values()}
        assert kinds <= {"clean", "noise", "rir", "noisy", "test", ""}
    listed = run().stdout
    assert all(name in listed for name in wanted) and "CC BY-NC" in listed
