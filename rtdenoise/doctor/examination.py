"""All checks, in the order of the report."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from .computing import check_cuda, check_model
from .finding import Check, Finding
from .installation import check_packages, check_system
from .isolation import IsolatedCheck
from .sound import check_devices, check_sound_server
from .storage import check_storage

CHECKS: dict[str, Check] = {
    "system": check_system,
    "packages": check_packages,
    "cuda": check_cuda,
    "devices": check_devices,
    "settings": check_storage,
}
LINUX: dict[str, Check] = {"sound server": check_sound_server}


def examine() -> Iterator[Finding]:
    """Run all checks and yield what they find; this takes some seconds and never raises.

    Several checks run at the same time, but nothing runs while the speed is measured.
    """
    checks = CHECKS | (LINUX if sys.platform == "linux" else {})
    started = [IsolatedCheck(name, check) for name, check in checks.items()]
    for check in started:
        yield from check.findings()
    yield from IsolatedCheck("model", check_model).findings()
