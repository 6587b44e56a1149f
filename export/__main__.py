"""Export a checkpoint to ONNX.

    python -m export checkpoint.pth model.onnx

A target that ends in .onnx gets one form (--form, by default segment). Any other is a prefix:
`python -m export best.pth models/default` writes default-segment.onnx, default-stream.onnx and
default-rolling.onnx.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rtdenoise.command import run_function
from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import FORMS

from . import options
from .onnx_export import export_forms


def export(
    checkpoint: options.Checkpoint,
    target: options.Target,
    form: options.Form = "all",
    dynamic: options.Dynamic = False,
    precision: options.Precision = "fp32",
    half_size: options.HalfSize = False,
    name: options.Name = None,
    version: options.Version = None,
    licence: options.Licence = "MIT",
    training_data: options.TrainingData = "",
    metrics_json: options.Metrics = None,
) -> None:
    """Write a checkpoint as ONNX and check it against PyTorch."""
    if not target.parent.is_dir():
        raise RtdenoiseError(f"the folder {target.parent} does not exist: create it first")
    export_forms(
        checkpoint,
        target,
        list(FORMS) if form == "all" else [form],
        dynamic=dynamic,
        precision=precision,
        half_size=half_size,
        name=name,
        version=version,
        licence=licence,
        training_data=training_data,
        metrics=_read_metrics(metrics_json),
    )


def _read_metrics(path: Path | None) -> dict[str, Any]:
    """Return the JSON object in a file. Raises RtdenoiseError if it holds none."""
    if path is None:
        return {}
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RtdenoiseError(f"{path} is not a readable JSON file ({error})") from error
    if not isinstance(metrics, dict):
        raise RtdenoiseError(f'{path} must hold one JSON object, such as {{"PESQ": 1.5}}')
    return metrics


def main() -> None:
    """Run the command line. Bad input gives one line on stderr and exit code 2."""
    run_function("export", export)


if __name__ == "__main__":
    main()
