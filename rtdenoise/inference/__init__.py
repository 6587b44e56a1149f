"""From an ONNX file to an engine that runs it, live or on files.

This room imports only `errors` and `constants`. Other rooms load a model with `load_model` and turn
it into an engine with `make_engine`, `make_file_engine` or `SharedEngines`.
"""

from __future__ import annotations

from .engines import Engine, RollingEngine, SegmentEngine, StreamEngine, make_engine
from .fixed_shape_session import FixedShapeSession
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
from .parallel_engine import ParallelStreamEngine, available_cores, make_file_engine
from .shared_engines import SharedEngines
from .stream_pool import StreamPool

__all__ = [
    "CPU",
    "CUDA",
    "FORMS",
    "METADATA_KEY",
    "SEGMENT",
    "Engine",
    "FixedShapeSession",
    "Model",
    "ModelCard",
    "ParallelStreamEngine",
    "RollingEngine",
    "SegmentEngine",
    "SharedEngines",
    "StreamEngine",
    "StreamPool",
    "available_cores",
    "bundled_models",
    "check_choice",
    "find_model",
    "has_cuda_driver",
    "load_model",
    "make_engine",
    "make_file_engine",
]
