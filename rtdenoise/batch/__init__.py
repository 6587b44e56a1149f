"""Many files: folders, globs, lists and URLs, on this machine or on a Ray cluster.

This room imports `denoiser`, `files` and `errors`; only `cli` imports it.
"""

from __future__ import annotations

from .run import denoise_batch

__all__ = ["denoise_batch"]
