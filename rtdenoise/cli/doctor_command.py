"""The command that examines the machine."""

from __future__ import annotations

import typer

from . import options


def doctor(json: options.JsonReport = False) -> None:
    """Examine this machine: versions, devices, providers, speed, and what to mend.

    The exit code is 1 if something that every command needs is broken. Live audio and CUDA are not
    needed for files.
    """
    from ..doctor import as_json, as_lines, examine, exit_code

    found = []
    for finding in examine():
        found.append(finding)
        if not json:
            for line in as_lines(finding):
                print(line, flush=True)
    code = exit_code(found)
    if json:
        print(as_json(found))
    else:
        print("Something that is needed is broken." if code else "All that is needed works.")
    raise typer.Exit(code)
