"""Meters that move and keys that act, while a live session runs in a terminal."""

from __future__ import annotations

import sys
from typing import Any

from .session import LiveSession
from .status import status

FLOOR = -60.0  # dBFS at the left end of a meter
WIDTH = 30  # characters of a meter
KEYS = "b bypass   m/M mix down/up   l/L limit down/up   q quit"
LIMITS = (None, 40.0, 30.0, 20.0, 15.0, 10.0, 6.0, 3.0)


class Terminal:
    """Meters that move, and keys that act."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._messages: list[str] = []
        self._live = Live(console=Console(), refresh_per_second=10, transient=False)

    def __enter__(self) -> Terminal:
        self._keys = Keys()
        self._live.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._live.__exit__(*exception)
        self._keys.close()

    def say(self, text: str) -> None:
        """Show a message below the meters; the last three stay."""
        self._messages = [*self._messages, text][-3:]

    def update(self, session: LiveSession) -> None:
        """Act on keys, draw."""
        for key in self._keys.pressed():
            act(session, key)
        self._live.update(self._draw(session))

    def _draw(self, session: LiveSession) -> Any:
        from rich.text import Text

        state, card = status(session), session.model.card
        parts = state["latency_ms"]
        load = state["ms_per_hop"] / state["hop_ms"]
        limit = "none" if state["limit_db"] is None else f"{state['limit_db']:g} dB"
        lines = [
            f"rtdenoise live   {card.name} {card.version}, {card.engine} engine on "
            f"{state['provider']}   {state['seconds']:.0f} s",
            f"in   {meter(state['input_db'])} {state['input_db']:6.1f} dB",
            f"out  {meter(state['output_db'])} {state['output_db']:6.1f} dB"
            f"   removed {state['removed_db']:.1f} dB",
            f"latency {sum(parts.values()):.1f} ms = "
            + " + ".join(f"{name} {value:.1f}" for name, value in parts.items()),
            f"load {load:.0%}: {state['ms_per_hop']:.2f} ms per hop of {state['hop_ms']:g}"
            f"   drift {state['drift_ppm']:+.0f} ppm",
            f"{state['underruns'] + state['device_underruns']} underruns   "
            f"{state['overruns']} overruns   "
            f"{state['deadline_misses']} deadline misses   {state['reconnects']} reconnects",
            f"bypass {'ON' if state['bypass'] else 'off'}   mix {state['mix']:.0%}   limit {limit}",
            KEYS,
            *self._messages,
        ]
        return Text("\n".join(lines))


def meter(level: float) -> str:
    """Return a bar for a level in dBFS."""
    filled = round(WIDTH * min(1.0, max(0.0, 1 - level / FLOOR)))
    return "█" * filled + "·" * (WIDTH - filled)


def act(session: LiveSession, key: str) -> None:
    """Do what a key stands for."""
    processor = session.processor
    if key == "q":
        session.stop.set()
    elif key == "b":
        processor.bypass = not processor.bypass
    elif key in "mM":
        step = 0.1 if key == "M" else -0.1
        processor.mix = round(min(1.0, max(0.0, processor.mix + step)), 2)
    elif key in "lL":
        processor.attenuation_limit_db = next_limit(processor.attenuation_limit_db, key == "L")


def next_limit(limit: float | None, up: bool) -> float | None:
    """Return the next larger (or smaller) attenuation limit; None is no limit."""
    known = [x for x in LIMITS if x is not None]
    if up:
        return None if limit is None else min((x for x in known if x > limit), default=None)
    return max((x for x in known if limit is None or x < limit), default=known[-1])


def _in_foreground() -> bool:
    """Whether this job may touch the terminal: `rtdenoise live &` would be stopped for it."""
    import os

    return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()


class Keys:
    """Single key presses from a terminal, without waiting for Enter."""

    def __init__(self) -> None:
        self._saved: Any = None
        if sys.platform != "win32" and sys.stdin.isatty() and _in_foreground():
            import termios
            import tty

            self._saved = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)

    def pressed(self) -> str:
        """Return the keys pressed since the last time."""
        if sys.platform == "win32":
            import msvcrt

            keys = ""
            while msvcrt.kbhit():
                keys += msvcrt.getwch()
            return keys
        import os
        import select

        if self._saved is None or not select.select([sys.stdin], [], [], 0)[0]:
            return ""
        return os.read(sys.stdin.fileno(), 64).decode(errors="ignore")

    def close(self) -> None:
        """Give the terminal back as it was."""
        if self._saved is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._saved)
