"""The command `app`: serves or exports the page in the browser."""

from __future__ import annotations

from . import options


def app(
    host: options.Host = "127.0.0.1",
    port: options.Port = 8048,
    open_browser: options.Open = True,
    max_size: options.MaxSize = 200.0,
    model: options.Model = None,
    export: options.Export = None,
    force: options.ForceExport = False,
    fetch_runtime: options.FetchRuntime = False,
    runtime: options.RuntimeSource = None,
) -> None:
    """Open a page in the browser that denoises files and a microphone, until Ctrl-C.

    The browser does the work: no audio leaves it. --export writes the page to a folder instead.
    """
    from ..app import PageServer, build_site, export_site, find_runtime, open_in_browser, serve
    from ..command import one_line, say

    site = build_site(find_runtime(runtime, fetch_runtime), model, max_size)
    if export is not None:
        paths = export_site(site, export, force)
        print(
            f"{one_line(export)}: {len(paths)} files; put the folder on a web server, or open "
            f"{paths[-1].name} in it without one"
        )
        return
    server = PageServer(site, host, port)
    if not server.is_local:
        say(
            f"rtdenoise: warning: every computer that reaches {host} can open the page; browsers "
            "allow a microphone only on localhost or through https"
        )
    print(f"{server.url} (Ctrl-C ends it)", flush=True)
    if open_browser:
        open_in_browser(server.url)
    serve(server)
