"""`rtdenoise file` on many files: plans the work, runs it here or on a cluster, and reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..denoiser import Denoiser
from ..files import is_url
from .folders import plan_tasks, run_tasks, write_report
from .progress_screen import print_summary, progress_bars
from .remote_files import plan_url_tasks, run_remote_task


def denoise_batch(
    settings: dict[str, Any],
    source: str,
    target: str,
    force: bool,
    report: Path | None,
    quiet: bool,
    ray: str | None = None,
) -> int:
    """Denoise all files of `source` into the folder `target`; return 1 if any failed, else 0.

    `settings` are the arguments of Denoiser. `ray` is a cluster's address; None is this machine.
    """
    denoiser = Denoiser(**settings)  # also with a cluster, so that bad settings are found at once
    urls = is_url(source) or is_url(target)
    tasks = plan_url_tasks(source, target) if urls else plan_tasks(Path(source), Path(target))
    try:
        with progress_bars(tasks, quiet) as show:
            if ray:
                from .ray_cluster import run_on_cluster

                run_on_cluster(ray, settings, tasks, force, lambda task: show and show(task, 1, 1))
            elif urls:
                for task in tasks:
                    run_remote_task(denoiser, task, force)
                    if show:
                        show(task, 1, 1)
            else:
                run_tasks(denoiser, tasks, force, show)
    finally:  # an interrupted run writes its report too
        if report:
            write_report(report, tasks)
    print_summary(tasks, quiet)
    return int(any(task.error for task in tasks))
