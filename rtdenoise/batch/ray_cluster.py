"""Many files on many machines: `rtdenoise file IN OUT --ray [ADDRESS]`.

    driver: plan tasks -> give each idle worker a task -> store the results -> report
    worker: one process per core, or per GPU, with its own model; reads and writes the files

A worker that dies is replaced, and its file is denoised again from the start. Outputs are written
atomically, so none is incomplete and none is lost.
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
from ..files import is_url, part_path
from .remote_files import run_remote_task
from .tasks import FileTask

CONNECT_TIMEOUT_SECONDS = 5.0
LOCAL = "local"
Settings = dict[str, Any]  # the arguments of Denoiser


def connect(address: str) -> Any:
    """Connect to the cluster at `address` and return the module ray.

    `address` is host:port, "auto", or "local" for a temporary cluster on this machine.
    Raises RtdenoiseError if Ray is not installed or the cluster does not answer.
    """
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # rtdenoise reports errors itself
    try:
        import ray
    except ImportError as error:
        raise RtdenoiseError("--ray needs Ray: pip install 'rtdenoise[ray]'") from error
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        ray.init(include_dashboard=False, **quiet)
        return ray
    if address != "auto":
        _check_connection(address)
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise RtdenoiseError(
            f"the Ray cluster at {address} refused the connection: start one with "
            "`ray start --head`, set its token (RAY_AUTH_MODE=token and RAY_AUTH_TOKEN), "
            "or use --ray local"
        ) from error
    return ray


def _check_connection(address: str) -> None:
    """Raise RtdenoiseError if nothing answers; Ray itself would wait for minutes."""
    if "://" in address:  # a Ray client's address, on which Ray reports quickly
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise RtdenoiseError(
            f"no Ray cluster answers at {address}: give host:port of its head, or use --ray local"
        ) from error


def run_on_cluster(
    address: str,
    settings: Settings,
    tasks: list[FileTask],
    force: bool = False,
    finished: Callable[[FileTask], None] = lambda task: None,
) -> None:
    """Run every task whose output does not exist on the cluster; store the results in the tasks."""
    ray = connect(address)
    try:
        workers = _start_workers(ray, settings, len(tasks))
        _distribute(ray, workers, tasks, force, finished)
    finally:
        ray.shutdown()


def _start_workers(ray: Any, settings: Settings, max_workers: int) -> list[Any]:
    """Start one worker per GPU if the cluster has any, else one per core."""
    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0))
    needs = {"num_gpus": 1, "num_cpus": 0} if gpus else {"num_cpus": 1}
    count = min(max_workers, gpus or int(resources.get("CPU", 1)))
    remote = ray.remote(max_restarts=-1, max_task_retries=-1, **needs)(_Worker)
    return [remote.remote(settings) for _ in range(max(1, count))]


class _Worker:
    """Denoises files in a process of the cluster."""

    def __init__(self, settings: Settings) -> None:
        from ..denoiser import Denoiser

        self._denoiser = Denoiser(**settings, workers=1)

    def run(self, task: FileTask, force: bool) -> FileTask:
        """Run one task and return it with its result."""
        run_remote_task(self._denoiser, task, force)
        return task


def _distribute(
    ray: Any,
    workers: list[Any],
    tasks: list[FileTask],
    force: bool,
    finished: Callable[[FileTask], None],
) -> None:
    """Give each idle worker the next task. A task's error is stored in it."""
    waiting, running = list(enumerate(tasks))[::-1], {}

    def start_next(worker: Any) -> None:
        if waiting:
            index, task = waiting.pop()
            # Absolute paths, because workers have other working directories.
            running[worker.run.remote(_absolute(task), force)] = (worker, index)

    for worker in workers:
        start_next(worker)
    while running:
        (done,), _ = ray.wait(list(running))
        worker, index = running.pop(done)
        task = tasks[index]
        try:
            result = ray.get(done)
            for name in ("status", "seconds", "removed_db", "took", "warning", "error"):
                setattr(task, name, getattr(result, name))
        except ray.exceptions.RayError as error:
            task.status, task.error = "failed", f"{task.file}: {str(error).splitlines()[0]}"
        _remove_part_files(task)
        finished(task)
        start_next(worker)


def _absolute(task: FileTask) -> FileTask:
    file, output = (x if is_url(x) else os.path.abspath(x) for x in (task.file, task.output))
    return replace(task, file=file, output=output)


def _remove_part_files(task: FileTask) -> None:
    """Remove the temporary files that killed workers left for this finished task."""
    if is_url(task.output):
        return
    output = Path(task.output)
    prefix = f".{glob.escape(output.name)}."  # a name may contain brackets
    for path in output.parent.glob(f"{prefix}*{part_path(output).suffix}"):
        path.unlink(missing_ok=True)
