"""Denoises a file with a checkpoint, which is exported to a temporary ONNX file and run."""

from __future__ import annotations

import tempfile
from pathlib import Path

import rtdenoise


def denoise_audio(
    model_path: str | Path, noisy_audio_path: str | Path, output_path: str | Path
) -> None:
    """Denoise one file with a .pth checkpoint or an .onnx model. An existing output is replaced.

    `train.denoise_audio` is this function. Raises RtdenoiseError on unusable files.
    """
    path = Path(model_path)
    if path.suffix != ".pth":
        rtdenoise.denoise_audio(path, noisy_audio_path, output_path)
        return
    from .onnx_export import export_checkpoint

    with tempfile.TemporaryDirectory() as folder:
        exported = export_checkpoint(path, Path(folder, "model.onnx"), form="segment")
        rtdenoise.denoise_audio(exported, noisy_audio_path, output_path)
