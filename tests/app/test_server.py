"""The web server: the page's files on loopback with strict headers, and nothing else."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator

import pytest

from rtdenoise.app import PageServer, Runtime, build_site, open_in_browser
from rtdenoise.errors import RtdenoiseError


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    started = PageServer(build_site(Runtime(b"loader", b"\0asm")))
    threading.Thread(target=started.serve_forever, daemon=True).start()
    yield started
    started.shutdown()
    started.server_close()


def ask(server: PageServer, path: str, method: str = "GET", **headers: str):
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "text/html; charset=utf-8"),
        ("main.js", "text/javascript; charset=utf-8"),
        ("ort.mjs", "text/javascript; charset=utf-8"),
        ("ort.wasm", "application/wasm"),
        ("settings.json", "application/json"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_each_file_has_its_type(server, name, kind):
    answer, body = ask(server, f"/{name}")
    assert answer.status == 200 and answer.headers["Content-Type"] == kind
    assert body == server.site.files[name or "index.html"]


def test_headers_are_strict(server):
    answer, body = ask(server, "/", "HEAD")
    assert body == b"" and int(answer.headers["Content-Length"]) > 1000
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] == "rtdenoise"


@pytest.mark.parametrize("path", ["/../pyproject.toml", "/etc/passwd", "/%2e%2e/x", "/page"])
def test_no_other_file_can_be_read(server, path):
    assert ask(server, path)[0].status == 404


def test_uploads_are_refused(server):
    assert ask(server, "/", "POST")[0].status == 501


def test_a_name_that_was_rebound_to_loopback_is_refused(server):
    port = server.server_address[1]
    assert ask(server, "/", Host="evil.example")[0].status == 421
    assert ask(server, "/", Host=f"localhost:{port}")[0].status == 200


def test_a_port_in_use_is_refused(server):
    with pytest.raises(RtdenoiseError, match="--port"):
        PageServer(server.site, port=server.server_address[1])
    with pytest.raises(RtdenoiseError, match="cannot be served on no.such.host.invalid"):
        PageServer(server.site, "no.such.host.invalid")


def test_only_loopback_is_local(server):
    assert server.is_local and server.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("display", ["", ":1"])
def test_the_browser_is_opened_only_where_there_is_a_screen(monkeypatch, display):
    opened: list[str] = []
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    open_in_browser("http://127.0.0.1/")
    assert opened == (["http://127.0.0.1/"] if display else [])
