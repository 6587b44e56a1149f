"""Runs `rtdenoise file` on one damaged file after the other, in one process, and checks it.

Reads a JSON line per file from stdin and answers with one: the finding ("" if all is well), the
exit code, and what the command said.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import resource
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import typer.main

import rtdenoise.denoiser
from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.cli import main
from rtdenoise.files import open_reader
from rtdenoise.processing import Processor

LONGEST_SECONDS = 600  # of output that is looked at
MOST_MEMORY = 500_000  # kB
ADDRESS_SPACE = 6 << 30  # bytes, so that no finding stops the machine


class PassThrough:
    """An engine that returns its input."""

    hop, delay = 480, 0

    def __init__(self, channels: int) -> None:
        self.channels = channels

    def step(self, block: np.ndarray) -> np.ndarray:
        return block

    def reset(self) -> None: ...


class QuickDenoiser(Denoiser):
    """A Denoiser without a network: files, resampler and processor are as always."""

    def processor(self) -> Processor:
        return Processor(PassThrough)


_kept: dict[str, QuickDenoiser] = {}


def quick(model: str, **settings: Any) -> QuickDenoiser:
    """Return the Denoiser of the last file with other settings."""
    if model not in _kept:
        _kept[model] = QuickDenoiser(model, provider="cpu")
    denoiser = _kept[model]
    denoiser.track = settings["track"]
    return denoiser


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Run the command of a job and return what it did."""
    whole = job["whole"]  # with the network, and a model that is loaded anew
    arguments = ["file", job["source"], job["target"], "--model", job["model"], *job["options"]]
    sys.argv = ["rtdenoise", *arguments]
    said, error = io.StringIO(), io.StringIO()
    rtdenoise.denoiser.Denoiser = Denoiser if whole else quick
    code, trouble = 0, ""
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(error):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        except BaseException:
            trouble = traceback.format_exc()
    text = error.getvalue()
    return {"code": code, "error": text, "finding": trouble or finding(job, code, text)}


def finding(job: dict[str, Any], code: int, error: str) -> str:
    """Return what is wrong with the outcome of a command, or nothing."""
    source, target = Path(job["source"]), Path(job["target"])
    lines = error.splitlines()
    if code not in (0, 2):
        return f"exit code {code}"
    if "Traceback" in error or "unexpected error" in error:
        return "an unexpected error"
    if code == 2 and (not lines or not lines[-1].startswith("rtdenoise: ")):
        return "no line that says what is wrong"
    warned = lines if code == 0 else lines[:-1]
    if not all(line.startswith("rtdenoise: warning: ") for line in warned) or len(lines) > 4:
        return "more than a line"
    left = {path.name for path in source.parent.iterdir()} - {source.name}
    if left != ({target.name} if code == 0 else set()):
        return f"left behind: {sorted(left)}"
    if left := os.listdir(tempfile.gettempdir()):
        return f"left in TMPDIR: {left}"
    if (memory := peak_memory()) > MOST_MEMORY:
        return f"{memory} kB of memory"
    try:
        return check_output(target) if code == 0 else ""
    except RtdenoiseError as problem:
        return f"the output cannot be read: {problem}"


def peak_memory() -> int:
    """Return the largest resident memory of this program in kB.

    `ru_maxrss` would begin with that of the process that started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(x.split()[1]) for x in status.splitlines() if x.startswith("VmHWM"))


def check_output(target: Path) -> str:
    """Return what is wrong with an output: it must be readable and finite."""
    frames = 0
    with open_reader(target) as reader:
        for block in reader.blocks(48_000):
            frames += len(block)
            if not np.isfinite(block).all():
                return "NaN or Inf in the output"
            if frames > LONGEST_SECONDS * reader.sample_rate:
                break
    return "" if frames else "an output without audio"


def serve() -> None:
    """Answer jobs until stdin ends."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers, jobs = sys.stdout, sys.stdin
    # typer reads the options of all commands anew for each call, which takes most of the time.
    typer.main.get_command = functools.cache(typer.main.get_command)
    print("ready", file=answers, flush=True)
    for line in jobs:
        print(json.dumps(run(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    serve()
