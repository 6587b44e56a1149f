"""A web server for this computer: the page's files from memory, and nothing else.

It takes no uploads and has no other paths, because the browser does all the work.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import webbrowser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from ..command import set_on_signals
from ..errors import RtdenoiseError
from .site import TYPES, Site, policy

HEADERS = {
    "Content-Security-Policy": policy({"frame-ancestors": "'none'"}),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cache-Control": "no-cache",
}
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class PageServer(ThreadingHTTPServer):
    """Serves a `Site` on `host` and `port` (0: any free one)."""

    daemon_threads = True

    def __init__(self, site: Site, host: str = LOOPBACK[0], port: int = 0) -> None:
        """Open the port. Raises RtdenoiseError if that cannot be."""
        self.site, self.host = site, host
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            self.address_family = family
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise RtdenoiseError(
                f"the page cannot be served on {host}, port {port} ({reason}): choose another "
                "one with --port, or --port 0 for any free one"
            ) from error

    @property
    def url(self) -> str:
        """The address of the page."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.server_address[1]}/"

    @property
    def is_local(self) -> bool:
        """Whether only this computer can reach the page."""
        return self.host in LOOPBACK

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a browser that closes a connection early is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        name = urlsplit(self.path).path.removeprefix("/") or "index.html"
        content = self.server.site.files.get(name)
        status = HTTPStatus.OK
        if not self._is_for_us():
            status, content, name = HTTPStatus.MISDIRECTED_REQUEST, b"wrong host\n", ".txt"
        elif content is None:
            status, content, name = HTTPStatus.NOT_FOUND, b"not found\n", ".txt"
        self.send_response(status)
        kind = TYPES.get(PurePosixPath(name).suffix or name, "application/octet-stream")
        for header, value in {**HEADERS, "Content-Type": kind}.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def _is_for_us(self) -> bool:
        """Refuse other host names on loopback: a foreign site could rebind its name to it."""
        if not self.server.is_local:
            return True
        try:
            return urlsplit(f"//{self.headers.get('Host', '')}").hostname in LOOPBACK
        except ValueError:
            return False

    def version_string(self) -> str:
        return "rtdenoise"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep no log: the terminal shows the address only."""


def serve(server: PageServer) -> None:
    """Answer requests until Ctrl-C or another signal to end; then close the port."""
    stop = threading.Event()
    set_on_signals(stop)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        while not stop.wait(0.5):  # on Windows an endless wait would not notice Ctrl-C
            pass
    finally:
        server.shutdown()
        server.server_close()


def open_in_browser(url: str) -> None:
    """Open the page in the default browser, if there is a screen to show it on."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in screens):
        webbrowser.open(url)  # without a screen this could start a browser for terminals
