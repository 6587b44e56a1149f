"""`rtdenoise latency`: measures the latency of real devices by playing and recording a chirp."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from ..errors import RtdenoiseError
from .chirp import CHIRP_SECONDS, chirp, find_signal
from .device_stream import DeviceStream
from .devices import Device, choose_device, list_devices
from .duplex_buffer import BLOCK, DuplexBuffer
from .options import LiveOptions
from .session import LiveSession

Audio = NDArray[np.float32]
LISTEN_SECONDS = 1.5  # after the chirp
LEAD_SECONDS = 1.0  # of silence before the chirp: streams start with a burst of callbacks
MIN_MATCH = 0.3  # normalised correlation of a speaker that a microphone hears across the table
TIMED_HOPS = 50


class _ProbeBuffer(DuplexBuffer):
    """Plays a signal once and keeps everything that is captured, with times."""

    def __init__(self, signal: Audio) -> None:
        super().__init__(lambda: None)
        self.blocks: list[tuple[float, Audio]] = []  # time of arrival, [frames]
        self.signal_starts: list[float] = []  # when the signal started, by each callback
        self._signal, self._position = signal, 0

    def capture(self, indata: Audio) -> None:
        """Keep the first channel of [frames, channels] with the time of its arrival."""
        self.last_capture = time.monotonic()
        self.blocks.append((self.last_capture, indata[:, 0].copy()))

    def play(self, outdata: Audio) -> None:
        """Play the next block of the signal; note when its first frame must have been played."""
        self.last_play = time.monotonic()
        piece = self._signal[self._position : self._position + len(outdata)]
        self.signal_starts.append(self.last_play - self._position / SAMPLE_RATE)
        self._position += len(outdata)
        outdata[:] = 0
        outdata[: len(piece)] = piece[:, None]


def measure_round_trip(
    input: str | None, output: str | None, safety: int = 0, times: int = 3
) -> tuple[float, float, float]:
    """Return the devices' round trip and the latencies they report themselves, in ms.

    The round trip lasts from passing a sample to the speaker's callback until the microphone's
    callback delivers it; the median of several chirps. Then follow the input and the output device.
    `safety` is extra buffering in frames. Raises RtdenoiseError if the microphone does not hear the
    speaker.
    """
    devices = list_devices()
    source = choose_device(devices, input, "input")
    sink = choose_device(devices, output, "output")
    runs = [_play_chirp(source, sink, safety) for _ in range(times)]
    round_trip, input_ms, output_ms = np.median(runs, axis=0)
    return float(round_trip), float(input_ms), float(output_ms)


def _play_chirp(source: Device, sink: Device, safety: int) -> tuple[float, float, float]:
    """Return what `measure_round_trip` returns, for one chirp."""
    silence = np.zeros(int(LEAD_SECONDS * SAMPLE_RATE), np.float32)
    probe = _ProbeBuffer(np.concatenate([silence, chirp()]))
    speaker = DeviceStream(sink, "output", probe, safety)
    microphone = DeviceStream(source, "input", probe, safety)
    time.sleep(LEAD_SECONDS + CHIRP_SECONDS + LISTEN_SECONDS)
    input_ms, output_ms = 1000 * microphone.latency, 1000 * speaker.latency
    for stream in (speaker, microphone):
        stream.close()
    return _round_trip_ms(probe, source.name, sink.name), input_ms, output_ms


def _round_trip_ms(probe: _ProbeBuffer, source: str, sink: str) -> float:
    if not probe.blocks or not probe.signal_starts:
        raise RtdenoiseError(f"{source!r} or {sink!r} moves no audio: check the connection")
    recording = np.concatenate([block for _, block in probe.blocks])
    at, match = find_signal(chirp(), recording)
    if match < MIN_MATCH:
        raise RtdenoiseError(
            f"{source!r} does not hear {sink!r} (match {match:.2f}): connect them with a cable, "
            "turn the volume up, or use a virtual pair"
        )
    # Streams start with a burst of callbacks, and single callbacks are late. So both clocks are
    # medians over the time after the burst. A block arrives when its last frame does.
    ends = np.cumsum([len(block) for _, block in probe.blocks])
    starts = np.array([moment for moment, _ in probe.blocks]) - ends / SAMPLE_RATE
    nearby = np.abs(ends - at) < SAMPLE_RATE // 2
    captured_at = float(np.median(starts[nearby])) + at / SAMPLE_RATE
    after_burst = probe.signal_starts[len(probe.signal_starts) // 8 :]
    played_at = float(np.median(after_burst)) + LEAD_SECONDS
    # As in DuplexBuffer.level, a block leaves the ring during the 10 ms before its callback.
    return 1000 * (captured_at - played_at + BLOCK / SAMPLE_RATE)


def latency_report(
    input: str | None,
    output: str | None,
    model: str | None,
    engine: str,
    hop_ms: float | None,
    safety_ms: float = 0.0,
) -> list[str]:
    """Return a table of the latency by part: as computed, and as measured for the devices.

    The computing time is measured here. The devices' computed part comes from their time stamps,
    the measured one from the chirp's round trip.
    """
    options = LiveOptions(input, output, model, engine=engine, hop_ms=hop_ms, safety_ms=safety_ms)
    session = LiveSession(options, lambda _: None)
    _time_hops(session)
    parts = session.latency()
    measured, parts["input device"], parts["output device"] = measure_round_trip(
        input, output, session.safety
    )
    computed = parts["input device"] + parts["output device"]
    total = sum(parts.values())
    lines = [f"{'part':<24}{'computed':>10}{'measured':>10}   ms"]
    lines += [f"{name:<24}{value:>10.1f}" for name, value in parts.items()]
    lines.append(f"{'both devices':<24}{computed:>10.1f}{measured:>10.1f}")
    lines.append(f"{'microphone to speaker':<24}{total:>10.1f}{total - computed + measured:>10.1f}")
    return lines


def _time_hops(session: LiveSession) -> None:
    """Measure the computing time at the pace of live audio: without pauses it would be too low."""
    block = np.zeros((session.hop, 1), np.float32)
    hop_seconds = session.hop / SAMPLE_RATE
    for _ in range(TIMED_HOPS):
        time.sleep(hop_seconds)
        started = time.perf_counter()
        session.processor.process(block)
        session.counters.add_hops(1, time.perf_counter() - started, hop_seconds)
