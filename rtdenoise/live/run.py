"""Run a live session from the command line: signals, screen, virtual microphone, summary."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np

from ..constants import SAMPLE_RATE
from .counters import Counters
from .options import LiveOptions
from .screens import JsonLines, Plain, Screen, choose_screen
from .session import LiveSession

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # the last one: its terminal was closed


def run_live(
    options: LiveOptions,
    quiet: bool = False,
    as_json: bool = False,
    virtual_mic: str | None = None,
    begun: Callable[[], None] = lambda: None,
) -> Counters:
    """Run until Ctrl-C, SIGTERM, q or `options.seconds`; latency first, counters last.

    `begun` is called when the devices are open.
    """
    screen, stop = choose_screen(quiet, as_json), threading.Event()
    for name in SIGNALS:  # before there is anything that must not be left behind
        if number := getattr(signal, name, None):
            signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        if virtual_mic:
            from .virtual_microphone import VirtualMicrophone

            microphone = stack.enter_context(VirtualMicrophone(virtual_mic))
            options.output = options.output or microphone.output
            screen.say(f"virtual microphone {virtual_mic!r} is there: choose it in your program")
        session = LiveSession(options, screen.say, stop)
        say_what_runs(session, screen)
        with screen:
            counters = session.run(lambda: screen.update(session), begun)
    if not quiet:
        summary = summarise(counters, session)
        last = Plain(lambda text: print(text, flush=True))
        for line in summary:
            (screen if isinstance(screen, JsonLines) else last).say(line)
    return counters


def say_what_runs(session: LiveSession, screen: Screen) -> None:
    """Say model, provider and the latency part by part."""
    card, parts = session.model.card, session.latency()
    screen.say(f"{card.name} {card.version}, {card.engine} engine on {session.model.provider}")
    screen.say(
        f"latency {sum(parts.values()):.1f} ms: "
        + " + ".join(f"{name} {value:.1f}" for name, value in parts.items())
    )


def summarise(counters: Counters, session: LiveSession) -> list[str]:
    """Return the last lines of a run."""
    hop = session.hop / SAMPLE_RATE
    times = np.array(counters.times or [0.0]) * 1000
    lines = [
        f"{counters.hops * hop:.1f} s; {counters.underruns + counters.device_underruns} underruns, "
        f"{counters.overruns} overruns, {counters.deadline_misses} deadline misses, "
        f"{counters.reconnects} reconnects; "
        f"{np.median(times):.2f} ms per hop (p99 {np.percentile(times, 99):.2f}) of "
        f"{hop * 1000:g}",
        f"latency at the end {sum(session.latency().values()):.1f} ms",
    ]
    if session.fill.drift.engaged:
        lines.append(
            f"the devices' clocks differ by {session.fill.drift.clocks_ppm:.0f} ppm: compensated"
        )
    if session.takes:
        lines += [f"recorded {path}" for path in session.takes.paths]
        lines += [session.takes.problem] if session.takes.problem else []
    return lines
