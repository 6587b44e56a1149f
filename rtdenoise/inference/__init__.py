"""ROOM rtdenoise.inference"""

from __future__ import annotations

from .batched_engine import PiecesEngine
from .engines import Engine, RollingEngine, SegmentEngine, StreamEngine, make_engine
from .loading import (
    CPU,
    CUDA,
    Model,
    bundled_models,
    check_choice,
    find_model,
    has_cuda_driver,
    load_model,
)
from .model_card import FORMS, METADATA_KEY, SEGMENT, ModelCard

__all__ = [
    "CPU",
    "CUDA",
    "Engine",
    "FORMS",
    "METADATA_KEY",
    "Model",
    "ModelCard",
    "PiecesEngine",
    "RollingEngine",
    "SEGMENT",
    "SegmentEngine",
    "StreamEngine",
    "bundled_models",
    "check_choice",
    "find_model",
    "has_cuda_driver",
    "load_model",
    "make_engine",
]
