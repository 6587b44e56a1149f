"""Scores that were computed before: a file for each set of weights, a row for each mixture."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

from .mixtures import Mixture
from .scores import VERSIONS, Scores, measure
from .systems import System

SAVE_EVERY = 50  # clips


class ScoreCache:
    """Scores in `folder`, by the hash of the weights, the measure and the mixture's samples."""

    def __init__(self, folder: Path, pool: Executor | None = None) -> None:
        self.folder, self.pool = folder, pool

    def measure(self, name: str, system: System, mixtures: Sequence[Mixture]) -> list[Scores]:
        """Return the scores of each mixture by measure `name`, computing those that are new."""
        file = self.folder / f"{system.fingerprint or system.name}.json"
        known: dict[str, Scores] = json.loads(file.read_text()) if file.is_file() else {}
        keys = [f"{name} {VERSIONS[name]} {mixture.key}" for mixture in mixtures]
        new = [i for i, key in enumerate(keys) if key not in known]
        for start in range(0, len(new), SAVE_EVERY):
            block = new[start : start + SAVE_EVERY]
            tasks = [(name, system, mixtures[i]) for i in block]
            found = (self.pool.map if self.pool else map)(measure, tasks)
            known |= {keys[i]: scores for i, scores in zip(block, found, strict=True)}
            self._save(file, known)
            done = min(start + SAVE_EVERY, len(new))
            print(f"{system.name}: {name} of {done} of {len(new)} clips", file=sys.stderr)
        return [known[key] for key in keys]

    def _save(self, file: Path, known: dict[str, Scores]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(known))
        part.replace(file)
