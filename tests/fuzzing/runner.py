"""Makes the damaged files, hands them to a worker process, and collects what it finds."""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .damage import damage
from .sources import FORMATS, make_sources

HANG_SECONDS = 60.0
WHOLE_SHARE = 20  # one of so many files is denoised by the network, by a model loaded anew
TARGETS = ("wav", "flac", "ogg", "opus", "mp3", "aiff", "m4a", "mkv", "mp4")
OPTIONS: tuple[tuple[str, ...], ...] = ((), (), (), (), ("--track", "all"), ("--start", "0.1"))


@dataclass
class Outcome:
    """What a run found: counts by format and result, and a line for each finding."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    longest: float = 0.0

    def table(self) -> str:
        """Return a line for each format."""
        results = ("denoised", "denoised with a warning", "refused", "finding")
        rows = [f"{'format':<12}{''.join(f'{name:>25}' for name in results)}"]
        for name in FORMATS:
            numbers = (self.counts[name, result] for result in results)
            rows.append(f"{name:<12}{''.join(f'{number:>25}' for number in numbers)}")
        totals = (sum(self.counts[name, result] for name in FORMATS) for result in results)
        return "\n".join([*rows, f"{'all':<12}{''.join(f'{number:>25}' for number in totals)}"])


class Worker:
    """A worker process, started again when it crashes or hangs."""

    command = (sys.executable, "-m", "tests.fuzzing.worker")

    def __init__(self, temporary: Path) -> None:
        self._temporary, self._process = temporary, None
        temporary.mkdir(exist_ok=True)

    def ask(self, job: dict) -> dict:
        """Return the worker's answer; a crash or a hang is a finding."""
        process = self._running()
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], HANG_SECONDS)[0]:
            self.stop()
            return {"code": None, "error": "", "finding": f"a hang of {HANG_SECONDS:g} s"}
        if answer := process.stdout.readline():
            found = json.loads(answer)
            if found["finding"]:
                self.stop()
            return found
        code = process.wait()
        self.stop()
        return {"code": None, "error": "", "finding": f"a crash: exit code {code}"}

    def _running(self) -> subprocess.Popen:
        if self._process is None:
            for path in self._temporary.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            environment = os.environ | {"TMPDIR": str(self._temporary)}
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment,
                cwd=Path(__file__).parents[2],
            )
            assert self._process.stdout.readline() == "ready\n"
        return self._process

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def make_job(
    seed: int, number: int, sources: dict[str, bytes], folder: Path, model: Path
) -> tuple[str, str, dict]:
    """Write file `number` into `folder`; return its format, its damage, and the worker's job."""
    generator = random.Random(f"{seed} {number}")
    name = FORMATS[number % len(FORMATS)]
    data, kinds = damage(sources[name], list(sources.values()), generator)
    suffix = name.rpartition(".")[2]
    if generator.random() < 0.05:
        suffix = generator.choice(TARGETS)  # the name of another format
    source = folder / f"in.{suffix}"
    source.write_bytes(data)
    target = folder / f"out.{generator.choice((suffix, suffix, *TARGETS))}"
    return (
        name,
        kinds,
        {
            "source": str(source),
            "target": str(target),
            "model": str(model),
            "options": list(generator.choice(OPTIONS)),
            "whole": generator.randrange(WHOLE_SHARE) == 0,
        },
    )


def fuzz(numbers: range, seed: int, model: Path, keep: Path | None = None) -> Outcome:
    """Run the files `numbers` and return what was found; `keep` gets a copy of each finding."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="fuzzing") as place:
        worker, folder = Worker(Path(place, "temporary")), Path(place, "files")
        folder.mkdir()
        sources = make_sources(Path(place))
        try:
            for number in numbers:
                name, kinds, job = make_job(seed, number, sources, folder, model)
                answer = worker.ask(job)
                _count(outcome, name, answer)
                if answer["finding"]:
                    _report(outcome, number, kinds, job, answer, keep)
                shutil.rmtree(folder)
                folder.mkdir()
        finally:
            worker.stop()
    return outcome


def _count(outcome: Outcome, name: str, answer: dict) -> None:
    if answer["finding"]:
        result = "finding"
    elif answer["code"] == 2:
        result = "refused"
    else:
        result = "denoised with a warning" if answer["error"] else "denoised"
    outcome.counts[name, result] += 1


def _report(
    outcome: Outcome, number: int, kinds: str, job: dict, answer: dict, keep: Path | None
) -> None:
    source, target = Path(job["source"]), Path(job["target"])
    options = " ".join([*job["options"], *(["(with the network)"] if job["whole"] else [])])
    outcome.findings.append(
        f"{number}: {source.name} -> {target.name} {options}: {answer['finding']} ({kinds}): "
        f"{answer['error'].strip()}"
    )
    print(outcome.findings[-1], file=sys.stderr, flush=True)
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        if source.exists():
            shutil.copy(source, keep / f"{number}{source.suffix}")
