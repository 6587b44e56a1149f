"""`rtdenoise latency`: a chirp through the real devices tells how late audio really is."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from ..errors import RtdenoiseError
from .bridge import BLOCK, Bridge
from .device_stream import DeviceStream
from .devices import choose_device, list_devices
from .options import LiveOptions
from .session import LiveSession

Audio = NDArray[np.float32]
CHIRP_SECONDS = 0.25
LISTEN_SECONDS = 1.5
LEAD = 1.0  # s of silence before the chirp: streams begin with a burst
CLEAR = 0.3  # of a perfect match: a loudspeaker heard by a microphone across the table


def chirp(level: float = 0.3) -> Audio:
    """Return a rising sine, 300 Hz to 8 kHz, with soft ends, [frames]."""
    t = np.arange(int(CHIRP_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * (300 * t + (8000 - 300) * t**2 / (2 * CHIRP_SECONDS))
    ends = np.minimum(1, np.minimum(t, CHIRP_SECONDS - t) / 0.01)
    return (level * ends * np.sin(phase)).astype(np.float32)


def find(reference: Audio, heard: Audio) -> tuple[int, float]:
    """Return where `reference` begins in `heard`, and how well it matches there, 0..1."""
    size = 1 << (len(reference) + len(heard)).bit_length()
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(reference, size))
    correlation = np.fft.irfft(product, size)[: len(heard) - len(reference) + 1]
    at = int(np.argmax(np.abs(correlation)))
    piece = heard[at : at + len(reference)]
    norm = float(np.linalg.norm(piece) * np.linalg.norm(reference))
    return at, float(abs(correlation[at])) / (norm + 1e-9)


class _Probe(Bridge):
    """Plays a signal once and keeps what is heard; both from one common moment on."""

    def __init__(self, signal: Audio) -> None:
        super().__init__(lambda: None)
        self.heard: list[tuple[float, Audio]] = []
        self.played: list[float] = []
        self._signal, self._position = signal, 0

    def capture(self, indata: Audio) -> None:
        """Keep [frames, channels] with the time of its arrival."""
        self.last_capture = time.monotonic()
        self.heard.append((self.last_capture, indata[:, 0].copy()))

    def play(self, outdata: Audio) -> None:
        """Hand out the signal, noting when its first sample was, by this block's time."""
        self.last_play = time.monotonic()
        piece = self._signal[self._position : self._position + len(outdata)]
        self.played.append(self.last_play - self._position / SAMPLE_RATE)
        self._position += len(outdata)
        outdata[:] = 0
        outdata[: len(piece)] = piece[:, None]


def round_trip(
    input: str | None, output: str | None, safety: int = 0, times: int = 3
) -> tuple[float, float, float]:
    """Return the devices' round trip in ms: sample handed out -> the same sample handed in.

    The median of several chirps, and what the input and the output device say of themselves; with
    `safety` frames more in each, if it can. Raises RtdenoiseError where the microphone does not
    hear the speaker.
    """
    devices = list_devices()
    source, target = (
        choose_device(devices, wanted, kind)
        for wanted, kind in ((input, "input"), (output, "output"))
    )
    results, said = [], []
    for _ in range(times):
        silence = np.zeros(int(LEAD * SAMPLE_RATE), np.float32)
        probe = _Probe(np.concatenate([silence, chirp()]))
        speaker = DeviceStream(target, "output", probe, safety)
        microphone = DeviceStream(source, "input", probe, safety)
        time.sleep(LEAD + CHIRP_SECONDS + LISTEN_SECONDS)
        said.append((1000 * microphone.latency, 1000 * speaker.latency))
        for stream in (speaker, microphone):
            stream.close()
        results.append(_late(probe, source.name, target.name))
    heard, spoken = np.median(said, axis=0)
    return float(np.median(results)), float(heard), float(spoken)


def _late(probe: _Probe, source: str, target: str) -> float:
    if not probe.heard or not probe.played:
        raise RtdenoiseError(f"{source!r} or {target!r} moves no audio: check the connection")
    heard = np.concatenate([block for _, block in probe.heard])
    at, match = find(chirp(), heard)
    if match < CLEAR:
        raise RtdenoiseError(
            f"{source!r} does not hear {target!r} (match {match:.2f}): join them by a cable, turn "
            "the volume up, or use a virtual pair"
        )
    # Streams begin with a burst of callbacks, and single ones are late: both clocks are medians,
    # of the time after the burst. A block arrives when its last frame does.
    counts = np.cumsum([len(block) for _, block in probe.heard])
    starts = np.array([moment for moment, _ in probe.heard]) - counts / SAMPLE_RATE
    around = np.abs(counts - at) < SAMPLE_RATE // 2
    handed_in = float(np.median(starts[around])) + at / SAMPLE_RATE
    handed_out = float(np.median(probe.played[len(probe.played) // 8 :])) + LEAD
    # As Bridge.level counts, a block leaves the ring during the 10 ms before its callback.
    return 1000 * (handed_in - handed_out + BLOCK / SAMPLE_RATE)


def report(
    input: str | None,
    output: str | None,
    model: str | None,
    engine: str,
    hop_ms: float | None,
    safety_ms: float = 0.0,
) -> list[str]:
    """Return the latency by part, beside what was measured of the devices.

    Computing is timed here; the devices' part is what their time stamps say, beside the chirp's
    round trip.
    """
    options = LiveOptions(input, output, model, engine=engine, hop_ms=hop_ms, safety_ms=safety_ms)
    session = LiveSession(options, lambda _: None)
    block = np.zeros((session.hop, 1), np.float32)
    for _ in range(50):  # paced, as live: a hot loop would flatter
        time.sleep(session.hop / SAMPLE_RATE)
        started = time.perf_counter()
        session.processor.process(block)
        session.counters.add(time.perf_counter() - started, 1, session.hop / SAMPLE_RATE)
    parts = session.latency()
    measured, parts["input device"], parts["output device"] = round_trip(
        input, output, session.safety
    )
    computed = parts["input device"] + parts["output device"]
    total = sum(parts.values())
    lines = [f"{'part':<24}{'computed':>10}{'measured':>10}   ms"]
    lines += [f"{name:<24}{value:>10.1f}" for name, value in parts.items()]
    lines.append(f"{'both devices':<24}{computed:>10.1f}{measured:>10.1f}")
    lines.append(f"{'microphone to speaker':<24}{total:>10.1f}{total - computed + measured:>10.1f}")
    return lines
