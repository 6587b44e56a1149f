"""The report of `rtdenoise doctor`: lines for people, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

from ..command import one_line
from ..constants import VERSION
from .finding import Finding

SHOWN = {"ok": "ok", "absent": "-", "warning": "warning", "broken": "BROKEN"}
NAME_WIDTH = 15


def as_lines(finding: Finding) -> list[str]:
    """Return the line of a finding, and one with the advice."""
    lines = [f"{SHOWN[finding.state]:<8}{finding.name:<{NAME_WIDTH}} {one_line(finding.text)}"]
    if finding.advice:
        lines.append(f"{'':<{8 + NAME_WIDTH}} -> {one_line(finding.advice)}")
    return lines


def as_json(findings: Iterable[Finding]) -> str:
    """Return all findings as one JSON object."""
    found = list(findings)
    listed = [asdict(finding) for finding in found]
    works = exit_code(found) == 0
    return json.dumps({"version": VERSION, "works": works, "checks": listed}, indent=1)


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 1 if something that is needed is broken, else 0."""
    return int(any(finding.state == "broken" for finding in findings))
