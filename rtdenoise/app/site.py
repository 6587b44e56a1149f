"""Puts the page together: HTML, style, scripts, model and onnxruntime-web as named files.

The modules in page/ are bundled into one script for the page and one for its worker, so that the
same code runs from a web server and from a single file (see `single_file`).
"""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from ..constants import SAMPLE_RATE, VERSION
from ..denoiser import OPENING_SECONDS
from ..errors import RtdenoiseError
from ..inference import Model, load_model
from .runtime import RUNTIME_VERSION, Runtime

# What the page may do: run its own scripts and nothing else. It may talk to its own server only.
POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",
    "worker-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "media-src": "blob:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
    ".txt": "text/plain; charset=utf-8",
}
IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";\n', re.M)
EXPORT = re.compile(r"^export (?=(?:async )?function|class|const)", re.M)
POLICY_MARK = "<!-- policy -->"


class Site(NamedTuple):
    """The page's files by name, and the model that it runs."""

    files: dict[str, bytes]
    model: Model


def build_site(runtime: Runtime, model: str | Path | None = None, max_mb: float = 200) -> Site:
    """Return the page's files; it refuses recordings of more than `max_mb` megabytes.

    Raises RtdenoiseError if `model` is not a model of the stream form.
    """
    loaded = load_model(model, provider="cpu", prefer="stream")
    if loaded.card.form != "stream":
        raise RtdenoiseError(
            f"{loaded.path} is a {loaded.card.form} model, but the page needs the stream form: "
            "give the file whose name ends in -stream.onnx"
        )
    files = {
        "index.html": _html(),
        "style.css": read_page_file("style.css").encode(),
        "icon.svg": read_page_file("icon.svg").encode(),
        "main.js": bundle("main.js").encode(),
        "worker.js": bundle("worker.js").encode(),
        "worklet.js": read_page_file("worklet.js").encode(),
        "settings.json": json.dumps(_settings(loaded, max_mb), indent=1).encode(),
        "model.onnx": loaded.path.read_bytes(),
        "ort.mjs": runtime.loader,
        "ort.wasm": runtime.binary,
        "licences.txt": _licences(loaded).encode(),
    }
    return Site(files, loaded)


def policy(changes: dict[str, str] | None = None) -> str:
    """Return the Content-Security-Policy, with some of its directives replaced."""
    return "; ".join(f"{name} {value}" for name, value in (POLICY | (changes or {})).items())


def with_policy(html: str, text: str) -> str:
    """Return the page with a Content-Security-Policy that holds on every server."""
    tag = f'<meta http-equiv="Content-Security-Policy" content="{text}">'
    return html.replace(POLICY_MARK, tag)


def bundle(entry: str) -> str:
    """Return a module of page/ as one script, with everything that it imports before it.

    The modules use plain `import { name } from "./file.js";` and `export` before a declaration, and
    no top-level name twice: tests/app/test_site.py checks that.
    """
    parts: dict[str, str] = {}

    def add(name: str) -> None:
        text = read_page_file(name)
        for match in IMPORT.finditer(text):
            if match[2] not in parts:
                add(match[2])
        parts[name] = EXPORT.sub("", IMPORT.sub("", text))

    add(entry)
    return "\n".join(f"// {name}\n{text}" for name, text in parts.items())


def _html() -> bytes:
    return with_policy(read_page_file("index.html"), policy()).encode()


def read_page_file(name: str) -> str:
    """Return a file of page/ as text."""
    return (resources.files("rtdenoise.app") / "page" / name).read_text("utf-8")


def _settings(model: Model, max_mb: float) -> dict[str, Any]:
    """Return what the scripts must know: limits, the model card, the states' shapes."""
    card = model.card
    states = [
        {"name": i.name, "shape": [n if isinstance(n, int) else None for n in i.shape]}
        for i in model.session.get_inputs()[1:]
    ]
    return {
        "version": VERSION,
        "runtime": RUNTIME_VERSION,
        "opening": round(OPENING_SECONDS * SAMPLE_RATE),  # of a recording, run backwards first
        "maxBytes": int(max_mb * 1_000_000),
        "model": {
            "name": card.name,
            "version": card.version,
            "hop": card.hop,
            "context": card.context,
            "lookahead": card.lookahead,
            "sampleRate": card.sample_rate,
            "segment": card.segment,
            "states": states,  # null stands for the number of channels
        },
    }


def _licences(model: Model) -> str:
    """Return the licences with their text, which has to go wherever the page goes."""
    return read_page_file("licences.txt").format(
        version=VERSION,
        model=f"{model.card.name} {model.card.version}",
        licence=model.card.licence,
        runtime=RUNTIME_VERSION,
    )
