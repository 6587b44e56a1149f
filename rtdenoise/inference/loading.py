"""Finds a model and opens it in an onnxruntime session, with the provider that it really uses."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
import warnings
from importlib import resources
from pathlib import Path
from typing import Literal, NamedTuple

import onnxruntime as ort

from ..errors import InvalidValueError, RtdenoiseError
from .device_memory import is_out_of_memory
from .model_card import METADATA_KEY, ModelCard

PROVIDERS = ("auto", "cuda", "cpu")
ENGINES = ("auto", "segment", "stream")
# Both forms read the last second for each hop; the rolling form computes only the newest part.
FORMS_BY_ENGINE = {"segment": ("rolling", "segment"), "stream": ("stream",)}
CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
GPU_FULL = "the GPU's memory is full: end what uses it (see nvidia-smi), or use --provider cpu"


class Model(NamedTuple):
    """A loaded ONNX file: its card, its session and the provider that the session uses."""

    card: ModelCard
    session: ort.InferenceSession
    provider: str  # "cuda" or "cpu"
    path: Path
    tf32: bool = False  # CUDA: matrix products with a 10-bit mantissa


def bundled_models() -> dict[str, Path]:
    """Return the models in the package by file stem, such as `default-stream`."""
    folder = Path(str(resources.files("rtdenoise.models")))
    return {path.stem: path for path in sorted(folder.glob("*.onnx"))}


def find_model(
    model: str | Path | None,
    engine: str = "auto",
    provider: str = "auto",
    prefer: Literal["stream"] | None = None,
) -> Path:
    """Return the ONNX file for a path, a bundled name, or None for the default model.

    For a bundled model, the engine `auto` means `prefer`; without it, the stream engine on CPU and
    the segment engine on CUDA. Raises RtdenoiseError if there is no such file or form.
    """
    check_choice("engine", engine, ENGINES)
    check_choice("provider", provider, PROVIDERS)
    bundled = bundled_models()
    names = sorted({stem.rsplit("-", 1)[0] for stem in bundled})
    if model is None:
        model = "default" if "default" in names else "baseline"
    if str(model) not in names:
        path = Path(model)
        if os.path.isfile(path):  # False for names that are too long, where Path.is_file raises
            return path
        raise InvalidValueError(
            f"no model {str(model)!r}: give a path to an .onnx file or one of: {', '.join(names)}"
        )
    wanted = [engine] if engine != "auto" else ["stream", "segment"]
    if engine == "auto" and not prefer and provider != "cpu" and has_cuda_driver():
        wanted.reverse()
    for form in (form for name in wanted for form in FORMS_BY_ENGINE[name]):
        if f"{model}-{form}" in bundled:
            return bundled[f"{model}-{form}"]
    raise InvalidValueError(
        f"the model {str(model)!r} cannot run in the {engine} engine: "
        "use --engine auto or another model"
    )


def load_model(
    model: str | Path | None = None,
    engine: str = "auto",
    provider: str = "auto",
    threads: int = 1,
    prefer: Literal["stream"] | None = None,
    tf32: bool = False,
) -> Model:
    """Open a model on the CPU or, with CUDA, on the GPU.

    `threads` is the number of onnxruntime's intra-op threads; they sleep while they wait.
    `tf32` lets CUDA round the factors of matrix products to 10 bits: faster, but less exact.
    Raises RtdenoiseError if the model cannot run, or if `provider` is "cuda" and
    CUDA does not load.
    """
    check_choice("provider", provider, PROVIDERS)
    path = find_model(model, engine, provider, prefer)
    wanted = provider in ("auto", "cuda") and (provider == "cuda" or has_cuda_driver())
    session, full = _create_on_cuda(path, threads, tf32) if wanted else (None, False)
    provider_used = "cuda" if session else "cpu"
    if wanted and not session:
        problem = f"the CUDA provider does not load: {GPU_FULL if full else _cuda_reason()}"
        if provider == "cuda":
            raise RtdenoiseError(problem)
        warnings.warn(f"{problem}; running on the CPU", stacklevel=2)
    try:
        session = session or _create(path, _options(threads), None)
    except Exception as error:  # onnxruntime's errors share no public base class
        raise RtdenoiseError(
            f"{path} is not an ONNX model that onnxruntime can run ({_first_line(error)}): "
            "export one with `python -m export`"
        ) from error
    card = read_card(session, path)
    if engine not in ("auto", card.engine):
        raise InvalidValueError(f"{path} is a {card.form} model: use --engine {card.engine}")
    return Model(card, session, provider_used, path, tf32)


def open_session(
    model: Model,
    fixed: dict[str, int],
    graph: bytes | None = None,
    profile: str | None = None,
) -> ort.InferenceSession:
    """Open a model again with one thread and fixed dimensions; on CUDA as a CUDA graph.

    `graph` is an ONNX model to open in its place, on the same provider. `profile` begins the name
    of a file for onnxruntime's profile of all runs.

    A CUDA graph requires all nodes on the GPU; otherwise the model runs without one.
    Raises RtdenoiseError if a CUDA model does not get CUDA again: it never falls back silently.
    """
    options = _options(threads=1)
    for name, size in fixed.items():
        options.add_free_dimension_override_by_name(name, size)
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, profile
    if model.provider != "cuda":
        return _create(graph or model.path, options, None)
    settings = _cuda_settings(model.tf32, search="EXHAUSTIVE")
    try:
        session = _create(graph or model.path, options, {**settings, "enable_cuda_graph": "1"})
    except Exception as error:  # onnxruntime's errors share no public base class
        if is_out_of_memory(error):
            raise
        session = _create(graph or model.path, options, settings)
    if session.get_providers()[0] != CUDA:
        raise RtdenoiseError(f"CUDA was lost: {_cuda_reason()}")
    return session


def read_card(session: ort.InferenceSession, path: Path) -> ModelCard:
    """Read the model card from the ONNX metadata. Raises RtdenoiseError if there is none."""
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise RtdenoiseError(
            f"{path} is an ONNX model, but not an rtdenoise model (no {METADATA_KEY!r} metadata): "
            "export your checkpoint with `python -m export checkpoint.pth model.onnx`"
        )
    return ModelCard.from_json(text)


def check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise RtdenoiseError unless `value` is one of `choices`."""
    if value not in choices:
        raise InvalidValueError(f"unknown {what} {value!r}: use one of {', '.join(choices)}")


def has_cuda_driver() -> bool:
    """Return whether NVIDIA's driver library loads and onnxruntime was built for CUDA."""
    if CUDA not in ort.get_available_providers():
        return False
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # rtdenoise reports errors itself
    return options


def _cuda_settings(tf32: bool, search: str = "HEURISTIC") -> dict[str, str]:
    """Return the CUDA provider's settings. An exhaustive search pays only for fixed shapes."""
    return {"cudnn_conv_algo_search": search, "use_tf32": str(int(tf32))}


def _create_on_cuda(
    path: Path, threads: int, tf32: bool
) -> tuple[ort.InferenceSession | None, bool]:
    """Open a file on the GPU; returns None if CUDA does not load, and whether memory is why."""
    try:
        session = _create(path, _options(threads), _cuda_settings(tf32))
    except Exception as error:  # such as a GPU that is too old; the CPU reports a bad file
        return None, is_out_of_memory(error)
    return (session if session.get_providers()[0] == CUDA else None), False


def _create(
    source: Path | bytes, options: ort.SessionOptions, cuda: dict[str, str] | None
) -> ort.InferenceSession:
    """Open a file or bytes on the GPU with the settings `cuda`, or on the CPU if they are None."""
    model = source if isinstance(source, bytes) else _name_or_content(source)
    if cuda is None or CUDA not in ort.get_available_providers():
        return ort.InferenceSession(model, options, providers=[CPU])
    ort.set_default_logger_severity(4)
    # If libraries are missing, onnxruntime prints to stdout, which may be an audio pipe.
    with contextlib.redirect_stdout(io.StringIO()):
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()  # from pip's nvidia packages or from torch
        providers = [(CUDA, cuda), CPU]
        return ort.InferenceSession(model, options, providers, enable_fallback=0)


def _name_or_content(path: Path) -> str | bytes:
    """Return the path of a model, or its content where the name is not UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:  # onnxruntime takes no other names
        return path.read_bytes()
    return str(path)


def _cuda_reason() -> str:
    if CUDA not in ort.get_available_providers():
        return "this onnxruntime was built without CUDA: pip install onnxruntime-gpu"
    if not has_cuda_driver():
        return "there is no NVIDIA driver (libcuda.so.1): install one, or use --provider cpu"
    return f"{missing_cuda_library()}: pip install 'onnxruntime-gpu[cuda,cudnn]'"


def missing_cuda_library() -> str:
    """Return the loader's message about CUDA, such as `libcudnn.so.9: cannot open ...`."""
    folder = Path(ort.__file__).parent / "capi"
    libraries = sorted(folder.glob("*onnxruntime_providers_cuda.*"))
    try:
        for library in libraries:
            ctypes.CDLL(str(library))
    except OSError as error:
        return _first_line(error)
    return "the CUDA libraries load, but the GPU or its driver is too old for them"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
