"""`rtdenoise compare`: one HTML page that shows and plays a recording before and after denoising.

It has spectrograms and players of both recordings and of their difference, levels over time, and
metrics if a clean recording is given. The page is a single file, without links to other files.
"""

from __future__ import annotations

import base64
import html
import io
from importlib import resources
from pathlib import Path
from string import Template

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from ..command import one_line
from ..errors import RtdenoiseError
from ..files import STDOUT, AudioReader, atomic_output, check_output

Audio = NDArray[np.float32]
MAX_SECONDS = 300  # shown and played; longer pages are too large for browsers
WINDOW, COLUMNS = 2048, 1600  # window in samples; most columns of the image
RANGE_DB = 90.0  # from the loudest bin of the noisy recording down to black
LEVEL_SECONDS, LEVEL_FLOOR = 0.05, -80.0
FREQUENCIES = (0, 4, 8, 12, 16, 20)  # kHz, labels of the scale


def write_comparison(
    noisy: Path, denoised: Path, page: Path, clean: Path | None, force: bool
) -> str:
    """Write the page and return a line for the terminal.

    Raises RtdenoiseError if the recordings differ in rate, length or channels.
    """
    if page in STDOUT:
        raise RtdenoiseError("the page is not written to stdout: give a file name ending in .html")
    check_output(noisy, page, force)
    before, rate = _load(noisy)
    after = _load_matching(denoised, before, rate, noisy)
    reference = _load_matching(clean, before, rate, noisy) if clean else None
    shown = min(len(before), MAX_SECONDS * rate)
    removed_db = 10 * np.log10((_power(before) + 1e-12) / (_power(after) + 1e-12))
    tracks = {"noisy": before, "denoised": after, "removed": before - after}
    tracks = {name: audio[:shown] for name, audio in tracks.items()}
    loudest = _spectrum(before[:shown]).max()
    text = Template((resources.files(__package__) / "report.html").read_text("utf-8")).substitute(
        title=html.escape(one_line(f"{noisy.name} and {denoised.name}")),
        subtitle=_subtitle(before, rate, shown),
        table=_table(before, after, reference, rate, removed_db),
        tracks="\n".join(_track(name, x, rate, loudest) for name, x in tracks.items()),
        level_scale=_scale({100 * v / LEVEL_FLOOR: f"{v} dB" for v in range(0, -80, -20)}),
        levels=_levels(tracks, rate),
        times=_times(shown / rate),
        seconds=shown / rate,
    )
    with atomic_output(page) as part:
        part.write_text(text, encoding="utf-8")
    return f"{one_line(page)}: {len(before) / rate:.2f} s, {removed_db:.1f} dB removed"


def _load(path: Path) -> tuple[Audio, int]:
    with AudioReader(path) as reader:
        audio = np.concatenate(list(reader.blocks(10 * reader.sample_rate)))
        return np.nan_to_num(audio), reader.sample_rate


def _load_matching(path: Path, other: Audio, rate: int, name: Path) -> Audio:
    audio, own = _load(path)
    if (own, audio.shape) != (rate, other.shape):
        raise RtdenoiseError(
            f"{path} ({_shape(audio, own)}) does not match {name} ({_shape(other, rate)}): "
            "give two recordings of the same length, rate and channels"
        )
    return audio


def _shape(audio: Audio, rate: int) -> str:
    channels = audio.shape[1]
    return f"{len(audio) / rate:.3f} s, {rate} Hz, {channels} channel{'s' * (channels > 1)}"


def _power(audio: Audio) -> float:
    return float(np.mean(np.square(audio, dtype=np.float64)))


def _subtitle(audio: Audio, rate: int, shown: int) -> str:
    text = _shape(audio, rate)
    return (
        text if shown == len(audio) else f"{text}; the first {MAX_SECONDS // 60} minutes are shown"
    )


def _table(before: Audio, after: Audio, clean: Audio | None, rate: int, removed_db: float) -> str:
    """Return an HTML table of levels and, with a clean reference, PESQ, ESTOI and SI-SDR."""
    rows: list[tuple[str, ...]] = [
        ("level, dBFS", *(f"{10 * np.log10(_power(x) + 1e-12):.1f}" for x in (before, after))),
        ("peak, dBFS", *(f"{20 * np.log10(np.abs(x).max() + 1e-6):.1f}" for x in (before, after))),
        ("removed, dB", "", f"{removed_db:.1f}"),
    ]
    if clean is not None:
        from .metrics import speech_metrics

        names = {"pesq": "PESQ-WB", "estoi": "ESTOI", "si_sdr": "SI-SDR, dB"}
        scores = [speech_metrics(_mono(clean), _mono(x), rate) for x in (before, after)]
        rows += [(text, *(f"{s[key]:.2f}" for s in scores)) for key, text in names.items()]
    body = "".join("<tr>" + "".join(f"<td>{x}</td>" for x in row) + "</tr>" for row in rows)
    return f"<table><tr><th></th><th>noisy</th><th>denoised</th></tr>{body}</table>"


def _track(name: str, audio: Audio, rate: int, loudest: float) -> str:
    """Return heading, player and spectrogram of one recording as HTML."""
    scale = {100 - 100 * f * 2000 / rate: f"{f} kHz" for f in FREQUENCIES if 2000 * f < rate}
    return (
        f'<h2>{name}</h2><audio controls preload="auto" src="{_sound(audio, rate)}"></audio>'
        f'<div class="plot"><div class="scale">{_scale(scale)}</div><div class="picture">'
        f'<img alt="spectrogram of the {name} recording" src="{_picture(audio, loudest)}">'
        '<div class="cursor"></div></div>'
        f'<div class="times">{_times(len(audio) / rate)}</div></div>'
    )


def _sound(audio: Audio, rate: int) -> str:
    """Return the recording as a data URL in FLAC, a lossless format that every browser plays."""
    buffer = io.BytesIO()
    sf.write(buffer, np.clip(audio, -1, 1), rate, format="FLAC", subtype="PCM_16")
    return _data("audio/flac", buffer.getvalue())


def _picture(audio: Audio, loudest: float) -> str:
    """Return the spectrogram as a PNG data URL; the power `loudest` is white."""
    from matplotlib import colormaps, image

    power = _spectrum(audio)[:, :-1]
    power = power.reshape(len(power), -1, 2).max(axis=2)  # two bins per row
    decibel = 10 * np.log10(power / loudest + 1e-12)
    colours = colormaps["magma"](1 + decibel.T[::-1] / RANGE_DB, bytes=True)
    buffer = io.BytesIO()
    image.imsave(buffer, np.ascontiguousarray(colours[..., :3]), format="png")
    return _data("image/png", buffer.getvalue())


def _spectrum(audio: Audio) -> NDArray[np.float64]:
    """Return the power [columns, bins] of the channels' mean: of each column's loudest frame."""
    mono = np.pad(_mono(audio), WINDOW // 2)
    hop = max(WINDOW // 8, len(mono) // COLUMNS // 4)
    frames = np.lib.stride_tricks.sliding_window_view(mono, WINDOW)[::hop]
    window = np.hanning(WINDOW + 1)[:-1]
    each = max(1, -(-len(frames) // COLUMNS))
    columns = [
        (np.abs(np.fft.rfft(frames[i : i + each] * window)) ** 2).max(axis=0)
        for i in range(0, len(frames), each)
    ]
    return np.stack(columns) + 1e-12


def _levels(tracks: dict[str, Audio], rate: int) -> str:
    """Return the noisy and denoised levels over time as SVG lines."""
    lines = [f'<line x1="0" x2="100" y1="{y}" y2="{y}"/>' for y in (25, 50, 75)]
    for name in ("noisy", "denoised"):
        mono, size = _mono(tracks[name]), max(1, round(LEVEL_SECONDS * rate))
        mono = np.pad(mono, (0, -len(mono) % size)).reshape(-1, size)
        level = 10 * np.log10(np.mean(np.square(mono, dtype=np.float64), axis=1) + 1e-12)
        level = _peak_of_groups(np.maximum(level, LEVEL_FLOOR))
        x = np.linspace(0, 100, len(level)) if len(level) > 1 else np.zeros(1)
        points = " ".join(
            f"{a:.2f},{100 * b / LEVEL_FLOOR:.2f}" for a, b in zip(x, level, strict=True)
        )
        lines.append(f'<polyline points="{points}" style="stroke: var(--{name})"/>')
    return f'<svg viewBox="0 0 100 100" preserveAspectRatio="none">{"".join(lines)}</svg>'


def _peak_of_groups(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Reduce to at most COLUMNS points by taking the loudest of each group."""
    each = -(-len(level) // COLUMNS)
    padded = np.pad(level, (0, -len(level) % each), constant_values=LEVEL_FLOOR)
    return padded.reshape(-1, each).max(axis=1)


def _mono(audio: Audio) -> Audio:
    return audio.mean(axis=1) if audio.ndim == 2 else audio


def _scale(marks: dict[float, str]) -> str:
    return "".join(f'<span style="top: {top:.1f}%">{text}</span>' for top, text in marks.items())


def _times(seconds: float) -> str:
    return "".join(f"<span>{seconds * i / 5:.1f} s</span>" for i in range(6))


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def check_dependencies(metrics: bool) -> None:
    """Raise RtdenoiseError if matplotlib or, for metrics, pesq or pystoi is not installed."""
    try:
        import matplotlib  # noqa: F401

        if metrics:
            import pesq  # noqa: F401
            import pystoi  # noqa: F401
    except ImportError as error:
        raise RtdenoiseError(
            f"the report needs {error.name}: pip install 'rtdenoise[compare]'"
        ) from error
