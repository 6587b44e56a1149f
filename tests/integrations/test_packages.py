"""Without its package an adapter says in one line what to install; the core needs none of them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None
import {module}
"""


def import_without(module: str, *blocked: str) -> subprocess.CompletedProcess[str]:
    program = BLOCK.format(module=module, blocked=blocked)
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("name", ["pipecat", "livekit", "aiortc"])
def test_a_missing_package_is_told_in_one_line(name):
    found = import_without(f"rtdenoise.integrations.{name}", name)
    assert f"needs the package {name}: pip install 'rtdenoise[{name}]'" in found.stderr
    assert found.stderr.splitlines()[-1].startswith(
        "rtdenoise.integrations.packages.MissingPackageError: the adapter for "
    )


def test_the_core_and_the_transform_need_no_framework():
    frameworks = ("pipecat", "livekit", "aiortc", "datasets", "torch", "torchaudio", "av")
    assert (
        import_without("rtdenoise.denoiser, rtdenoise.integrations.data", *frameworks).stderr == ""
    )
