"""The page as one HTML file that works without a web server: from a disk or a USB stick.

Browsers load neither modules nor workers beside a file:// page. So style and script stand in the
page, and the other files are compressed in it; the script makes blob: and data: URLs of them.
"""

from __future__ import annotations

import base64
import gzip
import hashlib

from .site import Site, policy, read_page_file, with_policy

EMBEDDED = ("worker.js", "worklet.js", "settings.json", "model.onnx", "ort.mjs", "ort.wasm")


def single_file(site: Site) -> str:
    """Return the whole page as HTML. Its policy allows its own script and what that makes."""
    style, script = (site.files[name].decode() for name in ("style.css", "main.js"))
    script = script.replace("</script", "<\\/script")
    icon = f"data:image/svg+xml;base64,{_base64(site.files['icon.svg'])}"
    html = with_policy(
        read_page_file("index.html"),
        policy(
            {
                "script-src": f"'{_hash(script)}' blob: data: 'wasm-unsafe-eval'",
                "worker-src": "blob:",
                "style-src": f"'{_hash(style)}'",
                "img-src": "data:",
                "connect-src": "'none'",
            }
        ),
    )
    data = "\n".join(_data_block(name, site.files[name]) for name in EMBEDDED)
    licences = site.files["licences.txt"].decode().replace("--", "- -")  # "--" ends a comment
    for old, new in {
        # Not earlier: browsers look for the charset in the first 1024 bytes.
        "</head>": f"<!--\n{licences}-->\n</head>",
        '<link rel="stylesheet" href="style.css">': f"<style>{style}</style>",
        '<link rel="icon" href="icon.svg">': f'<link rel="icon" href="{icon}">',
        '<script type="module" src="main.js"></script>': (
            f'{data}\n<script type="module">{script}</script>'
        ),
    }.items():
        if old not in html:
            raise AssertionError(f"index.html has changed: {old} is not in it")
        html = html.replace(old, new)
    return html


def _data_block(name: str, content: bytes) -> str:
    packed = _base64(gzip.compress(content, 9, mtime=0))
    return f'<script type="application/gzip" data-file="{name}">{packed}</script>'


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
