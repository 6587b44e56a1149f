"""The screen of a live session in a terminal: meters, and keys that change the sound."""

from __future__ import annotations

from typing import Any

from .keyboard import KeyReader
from .session import LiveSession
from .status import status

METER_FLOOR = -60.0  # dBFS at the left end of a meter
METER_WIDTH = 30  # characters
MESSAGES = 3  # how many remain visible
HELP = "b bypass   m/M mix down/up   l/L limit down/up   q quit"
LIMITS_DB = (3.0, 6.0, 10.0, 15.0, 20.0, 30.0, 40.0)  # then no limit
MIX_STEP = 0.1


class Terminal:
    """Shows meters and messages, and handles keys."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._messages: list[str] = []
        self._live = Live(console=Console(), refresh_per_second=10, transient=False)

    def __enter__(self) -> Terminal:
        self._keys = KeyReader()
        self._live.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._live.__exit__(*exception)
        self._keys.close()

    def show_message(self, text: str) -> None:
        """Show a message below the meters."""
        self._messages = [*self._messages, text][-MESSAGES:]

    def update(self, session: LiveSession) -> None:
        """Handle the keys pressed and draw the state."""
        from rich.text import Text

        for key in self._keys.pressed():
            handle_key(session, key)
        state = status(session)
        lines = [*signal_lines(session, state), *counter_lines(state), HELP, *self._messages]
        self._live.update(Text("\n".join(lines)))


def signal_lines(session: LiveSession, state: dict[str, Any]) -> list[str]:
    """Return the lines with the model, the meters and the latency; `state` is its `status`."""
    card, parts = session.model.card, state["latency_ms"]
    return [
        f"rtdenoise live   {card.name} {card.version}, {card.engine} engine on "
        f"{state['provider']}   {state['seconds']:.0f} s",
        f"in   {meter(state['input_db'])} {state['input_db']:6.1f} dB",
        f"out  {meter(state['output_db'])} {state['output_db']:6.1f} dB"
        f"   removed {state['removed_db']:.1f} dB",
        f"latency {sum(parts.values()):.1f} ms = "
        + " + ".join(f"{name} {value:.1f}" for name, value in parts.items()),
    ]


def counter_lines(state: dict[str, Any]) -> list[str]:
    """Return the lines with the load, the counters and the parameters of a `status`."""
    load = state["ms_per_hop"] / state["hop_ms"]
    limit = "none" if state["limit_db"] is None else f"{state['limit_db']:g} dB"
    return [
        f"load {load:.0%}: {state['ms_per_hop']:.2f} ms per hop of {state['hop_ms']:g}"
        f"   drift {state['drift_ppm']:+.0f} ppm",
        f"{state['underruns'] + state['device_underruns']} underruns   "
        f"{state['overruns']} overruns   "
        f"{state['deadline_misses']} deadline misses   {state['reconnects']} reconnects",
        f"bypass {'ON' if state['bypass'] else 'off'}   mix {state['mix']:.0%}   limit {limit}",
    ]


def meter(level: float) -> str:
    """Return a bar for a level in dBFS."""
    filled = round(METER_WIDTH * min(1.0, max(0.0, 1 - level / METER_FLOOR)))
    return "█" * filled + "·" * (METER_WIDTH - filled)


def handle_key(session: LiveSession, key: str) -> None:
    """Do what a key stands for (`HELP`)."""
    processor = session.processor
    if key == "q":
        session.stop.set()
    elif key == "b":
        processor.bypass = not processor.bypass
    elif key in "mM":
        step = MIX_STEP if key == "M" else -MIX_STEP
        processor.mix = round(min(1.0, max(0.0, processor.mix + step)), 2)
    elif key in "lL":
        processor.attenuation_limit_db = next_limit(processor.attenuation_limit_db, key == "L")


def next_limit(limit: float | None, up: bool) -> float | None:
    """Return the next larger or smaller attenuation limit in dB; None is no limit."""
    if up:
        return None if limit is None else min((x for x in LIMITS_DB if x > limit), default=None)
    return max((x for x in LIMITS_DB if limit is None or x < limit), default=LIMITS_DB[0])
