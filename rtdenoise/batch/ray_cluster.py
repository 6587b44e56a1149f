"""Many files on many machines: `rtdenoise file IN OUT --ray [ADDRESS]`.

    driver: plan -> rows -> idle worker -> row filled in -> report
    worker: one process per core, or per GPU, with its own model; reads and writes files itself

A worker or a machine that dies is replaced, and its file is done again from the start; outputs
appear whole or not at all, so that nothing is lost and nothing is done twice.
"""

from __future__ import annotations

import glob
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import RtdenoiseError
from ..files import part_path
from .folders import Row
from .remote_files import denoise_row, is_url

ANSWER_SECONDS = 5.0
LOCAL = "local"
Settings = dict[str, Any]  # what Denoiser is made of


def connect(address: str) -> Any:
    """Return ray, joined to the cluster at `address`: host:port, "auto", or "local" for its own.

    Raises RtdenoiseError where Ray is not installed or nothing answers.
    """
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what fails is said once, by us
    try:
        import ray
    except ImportError as error:
        raise RtdenoiseError("--ray needs Ray: pip install 'rtdenoise[ray]'") from error
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        ray.init(include_dashboard=False, **quiet)
        return ray
    if address != "auto":
        _check_answer(address)
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise RtdenoiseError(
            f"the Ray cluster at {address} does not let us in: start one with `ray start --head`, "
            "give its token (RAY_AUTH_MODE=token and RAY_AUTH_TOKEN), or use --ray local"
        ) from error
    return ray


def _check_answer(address: str) -> None:
    """Ask before Ray does: it waits for minutes."""
    if "://" in address:  # a Ray client's address; Ray reports on it soon enough
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        raise RtdenoiseError(
            f"no Ray cluster answers at {address}: give host:port of its head, or use --ray local"
        ) from error


def run(
    address: str,
    settings: Settings,
    rows: list[Row],
    force: bool = False,
    finished: Callable[[Row], None] = lambda row: None,
) -> None:
    """Denoise every row whose output is not there yet on the cluster, filling the rows in."""
    ray = connect(address)
    try:
        workers = _start_workers(ray, settings, len(rows))
        _share_out(ray, workers, rows, force, finished)
    finally:
        ray.shutdown()


def _start_workers(ray: Any, settings: Settings, most: int) -> list[Any]:
    """One worker per GPU where the cluster has any, else per core."""
    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0))
    needs = {"num_gpus": 1, "num_cpus": 0} if gpus else {"num_cpus": 1}
    count = min(most, gpus or int(resources.get("CPU", 1)))
    remote = ray.remote(max_restarts=-1, max_task_retries=-1, **needs)(_Worker)
    return [remote.remote(settings) for _ in range(max(1, count))]


class _Worker:
    """Lives in a process of the cluster."""

    def __init__(self, settings: Settings) -> None:
        from ..denoiser import Denoiser

        self._denoiser = Denoiser(**settings, workers=1)

    def one(self, row: Row, force: bool) -> Row:
        """Denoise one file."""
        denoise_row(self._denoiser, row, force)
        return row


def _share_out(
    ray: Any, workers: list[Any], rows: list[Row], force: bool, finished: Callable[[Row], None]
) -> None:
    """Give each idle worker the next row; errors of a row stay in it."""
    waiting, running = list(enumerate(rows))[::-1], {}

    def give(worker: Any) -> None:
        if waiting:
            index, row = waiting.pop()
            # Rows are told by absolute paths: workers have other working directories.
            running[worker.one.remote(_absolute(row), force)] = (worker, index)

    for worker in workers:
        give(worker)
    while running:
        (done,), _ = ray.wait(list(running))
        worker, index = running.pop(done)
        row = rows[index]
        try:
            result = ray.get(done)
            for name in ("status", "seconds", "removed_db", "took", "warning", "error"):
                setattr(row, name, getattr(result, name))
        except ray.exceptions.RayError as error:
            row.status, row.error = "failed", f"{row.file}: {str(error).splitlines()[0]}"
        _remove_remains(row)
        finished(row)
        give(worker)


def _absolute(row: Row) -> Row:
    file, output = (x if is_url(x) else os.path.abspath(x) for x in (row.file, row.output))
    return replace(row, file=file, output=output)


def _remove_remains(row: Row) -> None:
    """Remove what a killed worker left half-written: this row's, which nobody writes any more."""
    if is_url(row.output):
        return
    output = Path(row.output)
    begins = f".{glob.escape(output.name)}."  # a name may hold brackets
    for path in output.parent.glob(f"{begins}*{part_path(output).suffix}"):
        path.unlink(missing_ok=True)
