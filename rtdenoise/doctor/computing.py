"""Checks of the model, of its speed on this machine, and of CUDA."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from ..constants import SAMPLE_RATE
from ..errors import RtdenoiseError
from .finding import Finding, finding_of

RUNS = 3
PACED_HOPS = 50
HOP_FRAMES, HOP_SECONDS = 480, 0.01
LEAST_REMOVED_DB = 6.0  # of white noise; the bundled model removes 30 dB and more


def check_model() -> list[Finding]:
    """Return findings on the bundled model: its card, a second of audio, and its speed."""
    from ..denoiser import Denoiser

    denoiser = Denoiser(provider="cpu")
    card = denoiser.card
    text = f"{card.name} {card.version}, {card.form} form, {card.licence}"
    details = {"file": str(denoiser.model.path), "card": dataclasses.asdict(card)}
    return [Finding("model", "ok", text, details=details), _check_denoising(denoiser)]


def _check_denoising(denoiser: Any) -> Finding:
    """Denoise a second of white noise at -20 dBFS, as a recording and then live."""
    import numpy as np

    audio = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    out = denoiser(audio, SAMPLE_RATE)  # the first run also prepares the engine
    energies = float(np.mean(audio**2)), float(np.mean(out**2)) + 1e-12
    removed = 10 * float(np.log10(energies[0] / energies[1]))
    if not (np.isfinite(out).all() and removed > LEAST_REMOVED_DB):
        problem = f"the network removes {removed:.1f} dB of white noise: it computes wrong values"
        return Finding("denoising", "broken", problem, "install onnxruntime again")
    seconds = min(_time(lambda: denoiser(audio, SAMPLE_RATE)) for _ in range(RUNS))
    hops = _paced_hops(denoiser, audio)
    median, longest = 1000 * float(np.median(hops)), 1000 * max(hops)
    details = {
        "real_time_factor": round(1 / seconds, 1),
        "removed_db": round(removed, 1),
        "live_hop_ms": {"median": round(median, 3), "longest": round(longest, 3)},
    }
    text = (
        f"{1 / seconds:.0f} times real time; live {median:.2f} ms per hop of "
        f"{1000 * HOP_SECONDS:.0f} ms (longest {longest:.2f}); removes {removed:.0f} dB of noise"
    )
    if median < 1000 * HOP_SECONDS / 2:
        return Finding("denoising", "ok", text, details=details)
    advice = "for live audio close other programs, or use --hop-ms 20"
    return Finding("denoising", "warning", text, advice, details)


def _time(call: Any) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _paced_hops(denoiser: Any, audio: Any) -> list[float]:
    """Return the seconds that each hop takes, one every 10 ms as in live audio."""
    stream = denoiser.stream(SAMPLE_RATE, block=HOP_FRAMES)
    times, due = [], time.perf_counter()
    for first in range(0, HOP_FRAMES * PACED_HOPS, HOP_FRAMES):
        chunk = audio[first : first + HOP_FRAMES]
        times.append(_time(lambda chunk=chunk: stream.write(chunk)))
        due += HOP_SECONDS
        time.sleep(max(0.0, due - time.perf_counter()))
    return times[1:]  # the first one prepares the stream


def check_cuda() -> list[Finding]:
    """Return whether CUDA is there, and whether a model really runs on it."""
    import onnxruntime

    from ..inference import CUDA, has_cuda_driver, load_model

    available = onnxruntime.get_available_providers()
    details: dict[str, Any] = {
        "onnxruntime": onnxruntime.__version__,
        "available_providers": available,
    }
    try:
        load_model(provider="cuda")
    except RtdenoiseError as error:
        details["loads"] = False
        if has_cuda_driver():
            return [dataclasses.replace(finding_of("cuda", "warning", error), details=details)]
        # A machine without an NVIDIA GPU is complete without CUDA: there is nothing to mend.
        text = "not used: no NVIDIA driver" if CUDA in available else "not in this onnxruntime"
        return [Finding("cuda", "absent", text, details=details)]
    return [Finding("cuda", "ok", "the model runs on it", details={**details, "loads": True})]
