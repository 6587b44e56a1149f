"""Make examples/noisy.wav: a synthesised voice with synthesised noise, free to redistribute.

    python examples/make_noisy.py [OUT]      (needs espeak-ng)

The noise is a fan (brown noise and blade tones), mains hum and a keyboard. The voice is 5 dB louder
than the noise. The seed is fixed, so the file is the same each time.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

RATE = 48_000
TEXT = (
    "Hello, can you hear me? There is a fan running beside me, and somebody is typing. "
    "With the noise gone, only my voice should be left."
)
SNR_DB = 5.0


def voice() -> np.ndarray:
    """Return TEXT spoken, [samples] at 48 kHz, with half a second of pause at both ends."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as handle:
        subprocess.run(
            ["espeak-ng", "-v", "en-us", "-s", "150", "-w", handle.name, TEXT], check=True
        )
        audio, rate = sf.read(handle.name, dtype="float32")
    return np.pad(soxr.resample(audio, rate, RATE), RATE // 2) * 0.5


def fan(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Return pink-brown noise with a blade tone, its harmonics and 50 Hz hum, [frames]."""
    spectrum = np.fft.rfft(rng.standard_normal(frames))
    spectrum /= np.maximum(np.fft.rfftfreq(frames, 1 / RATE), 40) ** 0.8
    rush = np.fft.irfft(spectrum, frames)
    time = np.arange(frames) / RATE
    tones = sum(
        np.sin(2 * np.pi * f * time) / k
        for k, f in enumerate((50, 100, 118, 150, 236, 354), start=2)
    )
    return rush / rush.std() + 0.5 * tones


def keyboard(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Return six key presses a second, [frames]: two short bursts each, key down and key up."""
    out = np.zeros(frames + RATE)
    for start in np.cumsum(rng.exponential(RATE / 6, size=frames * 6 // RATE)).astype(int):
        for offset, level in ((0, 1.0), (int(0.08 * RATE), 0.5)):
            length = int(0.02 * RATE)
            burst = rng.standard_normal(length) * np.exp(-np.arange(length) / (0.004 * RATE))
            place = min(start + offset, frames)
            out[place : place + length] += level * burst
    return out[:frames]


def main() -> None:
    """Write the example file."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("noisy.wav")
    rng, speech = np.random.default_rng(7), voice()
    noise = fan(rng, len(speech)) + 4 * keyboard(rng, len(speech))
    gain = np.sqrt(np.mean(speech**2) / np.mean(noise**2)) * 10 ** (-SNR_DB / 20)
    sf.write(target, np.clip(speech + gain * noise, -1, 1), RATE, subtype="PCM_16")


if __name__ == "__main__":
    main()
