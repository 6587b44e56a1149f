"""Finding a model, and an onnxruntime session that holds the provider it claims to hold."""

from __future__ import annotations

import contextlib
import ctypes
import io
import sys
import warnings
from importlib import resources
from pathlib import Path
from typing import Literal, NamedTuple

import onnxruntime as ort

from ..errors import RtdenoiseError
from .model_card import METADATA_KEY, ModelCard

PROVIDERS = ("auto", "cuda", "cpu")
ENGINES = ("auto", "segment", "stream")
# The segment engine hears the last second for each hop; the rolling form computes only what is new.
FORMS_OF = {"segment": ("rolling", "segment"), "stream": ("stream",)}
CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"


class Model(NamedTuple):
    """A loaded ONNX file: its card, its session and the provider really held."""

    card: ModelCard
    session: ort.InferenceSession
    provider: str  # "cuda" or "cpu"
    path: Path
    tf32: bool = False  # CUDA: matrix products with 10 bits of mantissa


def bundled_models() -> dict[str, Path]:
    """Return the models in the package, by file stem such as `default-stream`."""
    folder = Path(str(resources.files("rtdenoise.models")))
    return {path.stem: path for path in sorted(folder.glob("*.onnx"))}


def find_model(
    model: str | Path | None,
    engine: str = "auto",
    provider: str = "auto",
    prefer: Literal["stream"] | None = None,
) -> Path:
    """Return the ONNX file for a path, a bundled name, or None for the default model.

    Of a bundled model, `auto` takes the engine that is preferred; by default the stream engine on
    CPU and the segment engine on CUDA.
    Raises RtdenoiseError where there is no such file or form.
    """
    check_choice("engine", engine, ENGINES)
    bundled = bundled_models()
    names = sorted({stem.rsplit("-", 1)[0] for stem in bundled})
    if model is None:
        model = "default" if "default" in names else "baseline"
    if str(model) not in names:
        path = Path(model)
        if path.is_file():
            return path
        raise RtdenoiseError(
            f"no model {str(model)!r}: give a path to an .onnx file or one of: {', '.join(names)}"
        )
    wanted = [engine] if engine != "auto" else ["stream", "segment"]
    if engine == "auto" and not prefer and provider != "cpu" and has_cuda_driver():
        wanted.reverse()
    for form in (form for name in wanted for form in FORMS_OF[name]):
        if f"{model}-{form}" in bundled:
            return bundled[f"{model}-{form}"]
    raise RtdenoiseError(
        f"the model {str(model)!r} has no form for the {engine} engine: "
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
    """Open a model. `threads` are onnxruntime's intra-op threads; none of them ever spins.

    `tf32` lets CUDA round the factors of matrix products to 10 bits: faster, less exact.
    """
    check_choice("provider", provider, PROVIDERS)
    path = find_model(model, engine, provider, prefer)
    wanted = provider in ("auto", "cuda") and (provider == "cuda" or has_cuda_driver())
    session = _create_on_cuda(path, threads, tf32) if wanted else None
    held = "cuda" if session else "cpu"
    if wanted and not session:
        problem = f"the CUDA provider does not load: {_cuda_reason()}"
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
        raise RtdenoiseError(f"{path} is a {card.form} model: use --engine {card.engine}")
    return Model(card, session, held, path, tf32)


def open_session(model: Model, fixed: dict[str, int]) -> ort.InferenceSession:
    """Open a model once more on one thread, its free dimensions fixed; on CUDA as a CUDA graph.

    A graph must lie on the GPU whole; one that does not is run step by step. Raises RtdenoiseError
    where a model that held CUDA does not get it again: nothing falls back unsaid.
    """
    options = _options(threads=1)
    for name, size in fixed.items():
        options.add_free_dimension_override_by_name(name, size)
    if model.provider != "cuda":
        return _create(model.path, options, None)
    settings = _cuda_settings(model.tf32, search="EXHAUSTIVE")
    try:
        session = _create(model.path, options, {**settings, "enable_cuda_graph": "1"})
    except Exception:  # onnxruntime's errors share no public base class
        session = _create(model.path, options, settings)
    if session.get_providers()[0] != CUDA:
        raise RtdenoiseError(f"CUDA was lost: {_cuda_reason()}")
    return session


def read_card(session: ort.InferenceSession, path: Path) -> ModelCard:
    """Read the model card from the ONNX metadata. Raises RtdenoiseError on a foreign file."""
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise RtdenoiseError(
            f"{path} is an ONNX model, but not one of rtdenoise (no {METADATA_KEY!r} metadata): "
            "export yours with `python -m export checkpoint.pth model.onnx`"
        )
    return ModelCard.from_json(text)


def check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise RtdenoiseError unless `value` is one of `choices`."""
    if value not in choices:
        raise RtdenoiseError(f"unknown {what} {value!r}: use one of {', '.join(choices)}")


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
    options.log_severity_level = 4  # what fails is said once, by us
    return options


def _cuda_settings(tf32: bool, search: str = "HEURISTIC") -> dict[str, str]:
    """Settings of the CUDA provider; shapes that never change are worth an exhaustive search."""
    return {"cudnn_conv_algo_search": search, "use_tf32": str(int(tf32))}


def _create_on_cuda(path: Path, threads: int, tf32: bool) -> ort.InferenceSession | None:
    """Open a file on the GPU, or return None where it is not held."""
    try:
        session = _create(path, _options(threads), _cuda_settings(tf32))
    except Exception:  # such as a card too old, or full; the file itself is judged on the CPU
        return None
    return session if session.get_providers()[0] == CUDA else None


def _create(
    path: Path, options: ort.SessionOptions, cuda: dict[str, str] | None
) -> ort.InferenceSession:
    """Open a file with CUDA's settings, or on the CPU where they are None."""
    if cuda is None or CUDA not in ort.get_available_providers():
        return ort.InferenceSession(str(path), options, providers=[CPU])
    ort.set_default_logger_severity(4)
    # Where libraries or cards are missing both print, and stdout may be a pipe for audio.
    with contextlib.redirect_stdout(io.StringIO()):
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()  # those of pip's nvidia packages, or of torch
        providers = [(CUDA, cuda), CPU]
        return ort.InferenceSession(str(path), options, providers, enable_fallback=0)


def _cuda_reason() -> str:
    if CUDA not in ort.get_available_providers():
        return "this onnxruntime is built without it: pip install onnxruntime-gpu"
    if not has_cuda_driver():
        return "no NVIDIA driver is loaded (libcuda.so.1): install it, or use --provider cpu"
    return f"{missing_library()}: pip install 'onnxruntime-gpu[cuda,cudnn]'"


def missing_library() -> str:
    """Return what the loader says is missing for CUDA, such as `libcudnn.so.9: cannot open ...`."""
    folder = Path(ort.__file__).parent / "capi"
    libraries = sorted(folder.glob("*onnxruntime_providers_cuda.*"))
    try:
        for library in libraries:
            ctypes.CDLL(str(library))
    except OSError as error:
        return _first_line(error)
    return "the CUDA libraries load, but the graphics card or its driver is too old for them"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
