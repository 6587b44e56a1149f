"""The page in the browser: a static page that denoises files and a microphone by itself.

The browser runs the model with onnxruntime-web, so no audio leaves it. `build_site` puts the page
together, `serve` is a small web server for this computer, and `export_site` writes the page to a
folder. This room imports only `inference` and the rooms below it.
"""

from __future__ import annotations

from .export import export_site
from .runtime import RUNTIME_VERSION, Runtime, find_runtime
from .server import PageServer, open_in_browser, serve
from .site import Site, build_site

__all__ = [
    "RUNTIME_VERSION",
    "PageServer",
    "Runtime",
    "Site",
    "build_site",
    "export_site",
    "find_runtime",
    "open_in_browser",
    "serve",
]
