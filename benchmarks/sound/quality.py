"""Speech quality on a folder of clean and noisy clips, beside the scores of other denoisers."""

from __future__ import annotations

import csv
import functools
import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.compare import si_sdr
from rtdenoise.constants import SAMPLE_RATE

from ..reporting import write_result

Audio = NDArray[np.float32]
Map = Callable[..., Any]  # map, or the map of a process pool
RATE = SAMPLE_RATE
OPINIONS = {"SIG": "SIG", "BAK": "BAK", "OVRL": "OVRL"}  # of the voice, of the noise, of both
COLUMNS = {
    "PESQ": "PESQ-WB",
    "ESTOI": "ESTOI",
    "SISDR": "SI-SDR dB",
    **OPINIONS,
    "LSD_hi": "LSD 8-20 kHz dB",
}


def score(clean: Audio, estimate: Audio) -> dict[str, float]:
    """Score an estimate [samples] at 48 kHz against the clean recording.

    PESQ-WB and ESTOI at 16 kHz; SI-SDR at 48 kHz; DNSMOS P.835; log-spectral distance 8-20 kHz.
    """
    from pesq import pesq
    from pystoi import stoi

    a, b = (_wideband(x) for x in (clean, estimate))
    return {
        "PESQ": float(pesq(16_000, a, b, "wb")),
        "ESTOI": float(stoi(a, b, 16_000, extended=True)),
        "SISDR": si_sdr(clean, estimate),
        "LSD_hi": log_spectral_distance(clean, estimate),
        **_opinion(b),
    }


def opinion(estimate: Audio) -> dict[str, float]:
    """Return what DNSMOS P.835 predicts of listeners for [samples] at 48 kHz, each from 1 to 5."""
    return _opinion(_wideband(estimate))


def _opinion(audio: Audio) -> dict[str, float]:
    from speechmos import dnsmos

    found = dnsmos.run(np.clip(audio, -1, 1), 16_000)
    return {key: float(found[f"{key.lower()}_mos"]) for key in OPINIONS}


def _pesq(clean: Audio, estimate: Audio) -> float:
    from pesq import pesq

    return float(pesq(16_000, _wideband(clean), _wideband(estimate), "wb"))


def _wideband(audio: Audio) -> Audio:
    """Return audio at 16 kHz; with this resampler the noisy clips score as in the peers' file."""
    return soxr.resample(audio, RATE, 16_000, quality="VHQ")


def log_spectral_distance(
    clean: Audio, estimate: Audio, low: float = 8000.0, high: float = 20_000.0
) -> float:
    """Return the root mean square over bins, averaged over frames, in dB (Hann 2048/512).

    The floor of the power is 80 dB below the strongest bin of the clean clip.
    """
    a, b = (_power(x) for x in (clean, estimate))
    floor = a.max() * 1e-8 + 1e-20
    bins = slice(round(low * 2048 / RATE), round(high * 2048 / RATE) + 1)
    difference = 10 * np.log10(np.maximum(a, floor) / np.maximum(b, floor))[:, bins]
    return float(np.sqrt(np.mean(difference**2, axis=1)).mean())


def _power(audio: Audio) -> NDArray[np.float64]:
    frames = np.lib.stride_tricks.sliding_window_view(audio, 2048)[::512]
    return np.abs(np.fft.rfft(frames * np.hanning(2049)[:-1])) ** 2


def load_clips(folder: Path) -> list[tuple[str, Audio, Audio]]:
    """Return (name, clean, noisy) for folder/clean/NAME and folder/noisy/NAME."""
    clips = []
    for path in sorted((folder / "clean").glob("*.*")):
        clean, rate = sf.read(path, dtype="float32")
        noisy, _ = sf.read(folder / "noisy" / path.name, dtype="float32")
        if rate != RATE or clean.shape != noisy.shape:
            raise RtdenoiseError(f"{path}: clips must be 48 kHz mono, noisy as long as clean")
        clips.append((path.stem, clean, noisy))
    if not clips:
        raise RtdenoiseError(f"{folder} holds no clips: give a folder with clean/ and noisy/")
    return clips


def by_snr(folder: Path, rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the means of each SNR that the folder's manifest.csv names, lowest first."""
    manifest = folder / "manifest.csv"
    if not manifest.is_file():
        return {}
    with open(manifest, newline="", encoding="utf-8") as handle:
        snr = {Path(row["file"]).stem: float(row["snr"]) for row in csv.DictReader(handle)}
    return {
        f"{level:g}": {
            key: float(np.mean([row[key] for row in rows if snr.get(row["clip"]) == level]))
            for key in COLUMNS
        }
        for level in sorted({snr[row["clip"]] for row in rows if row["clip"] in snr})
    }


def evaluate(
    clips: list[tuple[str, Audio, Audio]], run: Callable[[Audio], Audio], each: Map = map
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Return mean scores and those of each clip; `each` may be the map of a process pool."""
    names, cleans, noisies = zip(*clips, strict=True)
    scores = each(score, cleans, [run(noisy) for noisy in noisies])
    rows = [{"clip": name, **row} for name, row in zip(names, scores, strict=True)]
    return {key: float(np.mean([row[key] for row in rows])) for key in COLUMNS}, rows


def harmlessness(
    clips: list[tuple[str, Audio, Audio]], run: Callable[[Audio], Audio], each: Map = map
) -> dict[str, float]:
    """Return PESQ and SI-SDR of undegraded speech, and the attenuation of noise alone in dB."""
    cleans = [clean for _, clean, _ in clips]
    outs = [run(clean) for clean in cleans]
    quality = list(each(_pesq, cleans, outs))
    distortion = [si_sdr(clean, out) for clean, out in zip(cleans, outs, strict=True)]
    attenuation = []
    for _, clean, noisy in clips:
        noise = noisy - clean
        # The network adapts to the noise in the first half second.
        before, after = noise[RATE // 2 :], run(noise)[RATE // 2 :]
        attenuation.append(
            10 * np.log10((np.mean(before**2) + 1e-20) / (np.mean(after**2) + 1e-20))
        )
    return {
        "clean_PESQ": float(np.mean(quality)),
        "clean_SISDR": float(np.mean(distortion)),
        "noise_only_dB": float(np.mean(attenuation)),
    }


def quality(folder: Path, models: list[str], out: Path, workers: int = 1) -> str:
    """Score `models` on `folder`, write out.json and out.md, and return the table."""
    if workers == 1:
        return _quality(folder, models, out, map)
    # Spawned, not forked: a forked onnxruntime session hangs.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        return _quality(folder, models, out, pool.map)


def _quality(folder: Path, models: list[str], out: Path, each: Map) -> str:
    clips = load_clips(folder)
    systems: dict[str, Any] = {}
    systems["noisy"], _ = evaluate(clips, lambda x: x, each)
    details: dict[str, Any] = {}
    for model in models:
        denoiser = Denoiser(model, provider="cpu")
        run = functools.partial(denoiser, sample_rate=RATE)
        label = f"rtdenoise {denoiser.card.name} {denoiser.card.version}"
        systems[label], rows = evaluate(clips, run, each)
        cold = Denoiser(
            model, provider="cpu", opening=0
        )  # no knowledge of the noise at first, as in live audio
        systems[f"{label}, live"], _ = evaluate(
            clips, functools.partial(cold, sample_rate=RATE), each
        )
        details[label] = {
            "clips": rows,
            "by_snr": by_snr(folder, rows),
            "checkpoint": denoiser.card.checkpoint_sha256,
            **harmlessness(clips, run, each),
        }
    peers_file = folder.parent / "peers_dev.json"
    if folder.name == "dev" and peers_file.is_file():
        peers = json.loads(peers_file.read_text())
        systems.update({k: v["mean"] for k, v in peers.items() if k != "noisy"})
    text = table(systems) + "".join(_detail(label, d) for label, d in details.items())
    text = f"# Quality on {folder} ({len(clips)} clips)\n\n{text}"
    ours = {"folder": str(folder), "systems": systems, "details": details}
    return write_result(out, ours, text)


def _detail(label: str, detail: dict[str, Any]) -> str:
    text = (
        f"\n{label}: undegraded speech PESQ {detail['clean_PESQ']:.2f}, SI-SDR "
        f"{detail['clean_SISDR']:.1f} dB; noise alone attenuated by "
        f"{detail['noise_only_dB']:.1f} dB\n"
    )
    if detail["by_snr"]:
        rows = {f"at {level} dB SNR": means for level, means in detail["by_snr"].items()}
        text += "\n" + table(rows, order=None)
    return text


def table(systems: dict[str, dict[str, float]], order: str | None = "PESQ") -> str:
    """Return a Markdown table, sorted by a column if `order` names one."""
    lines = ["| system | " + " | ".join(COLUMNS.values()) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    rows = list(systems.items())
    for name, means in sorted(rows, key=lambda row: row[1][order]) if order else rows:
        cells = [
            f"{means[key]:.3f}" if key == "ESTOI" else f"{means[key]:.2f}" if key in means else "-"
            for key in COLUMNS
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
