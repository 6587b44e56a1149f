"""`rtdenoise file` on many files: plans the work, runs it here or on a cluster, and reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..denoiser import Denoiser
from ..files import create_folder, is_url
from .folders import run_tasks
from .progress_screen import print_summary, progress_bars
from .remote_files import plan_url_tasks, run_remote_task
from .report import check_report, write_report
from .tasks import check_free_space, plan_tasks


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
    urls = is_url(source) or is_url(target)
    tasks = plan_url_tasks(source, target) if urls else plan_tasks(Path(source), Path(target))
    if report:
        check_report(report, tasks, None if urls else Path(target))
    if not urls:
        check_free_space(tasks, Path(target))
    denoiser = Denoiser(**settings)  # also with a cluster, so that bad settings are found at once
    if not urls:
        create_folder(Path(target))
    if report:
        create_folder(report.parent)  # one in OUT; others exist, as was checked
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
    finally:  # a run that is stopped has a summary and a report, too
        print_summary(tasks, quiet)
        if report:
            write_report(report, tasks)
    return int(any(task.error for task in tasks))
