"""ROOM rtdenoise.batch"""

from __future__ import annotations

from .folders import is_batch
from .progress_screen import denoise_all
from .remote_files import is_url

__all__ = ["denoise_all", "is_batch", "is_url"]
