"""Runs a live session for the command line: signals, screen, virtual microphone, summary."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np

from ..command import set_on_signals
from ..constants import SAMPLE_RATE
from .options import LiveOptions
from .screens import JsonLines, PlainLines, Screen, choose_screen
from .session import LiveSession


def run_live(
    options: LiveOptions,
    quiet: bool = False,
    as_json: bool = False,
    virtual_mic: str | None = None,
    on_open: Callable[[], None] = lambda: None,
) -> None:
    """Run until Ctrl-C, SIGTERM, q or `options.seconds`; print latency first and counters last.

    `on_open` is called when the devices are open. Raises RtdenoiseError for options that do not
    fit, devices that cannot be opened, and computing that fails.
    """
    screen, stop = choose_screen(quiet, as_json), threading.Event()
    set_on_signals(stop)  # first of all: from here on there is something to clean up
    with ExitStack() as stack:
        if virtual_mic:
            from .virtual_microphone import VirtualMicrophone

            microphone = stack.enter_context(VirtualMicrophone(virtual_mic))
            options.output = options.output or microphone.output
            screen.show_message(
                f"virtual microphone {virtual_mic!r} is ready: select it in your program"
            )
        session = LiveSession(options, screen.show_message, stop)
        show_setup(session, screen)
        with screen:
            session.run(lambda: screen.update(session), on_open)
    if not quiet:
        last = screen if isinstance(screen, JsonLines) else PlainLines(_print_line)
        for line in summarise(session):
            last.show_message(line)


def _print_line(text: str) -> None:
    print(text, flush=True)


def show_setup(session: LiveSession, screen: Screen) -> None:
    """Show the model, the provider and the expected latency by part."""
    card, parts = session.model.card, session.latency()
    screen.show_message(
        f"{card.name} {card.version}, {card.engine} engine on {session.model.provider}"
    )
    screen.show_message(
        f"latency {sum(parts.values()):.1f} ms: "
        + " + ".join(f"{name} {value:.1f}" for name, value in parts.items())
    )


def summarise(session: LiveSession) -> list[str]:
    """Return the last lines of a session: counters, latency, clock drift, recordings."""
    counters, hop = session.counters, session.hop / SAMPLE_RATE
    times = np.array(counters.times or [0.0]) * 1000
    lines = [
        f"{counters.hops * hop:.1f} s; {counters.underruns + counters.device_underruns} underruns, "
        f"{counters.overruns} overruns, {counters.deadline_misses} deadline misses, "
        f"{counters.reconnects} reconnects; "
        f"{np.median(times):.2f} ms per hop (p99 {np.percentile(times, 99):.2f}) of "
        f"{hop * 1000:g}",
        f"latency at the end {sum(session.latency().values()):.1f} ms",
    ]
    if count := session.processor.nonfinite:
        lines.append(f"{count} input samples were NaN, infinite or beyond 1e10: set to zero")
    if count := session.processor.nonfinite_output:
        lines.append(f"{count} samples of the network were NaN or infinite: set to zero")
    drift, recorder = session.worker.control.drift, session.worker.recorder
    if drift.engaged:
        lines.append(f"the devices' clocks differ by {drift.clocks_ppm:.0f} ppm: compensated")
    if recorder:
        lines += [f"recorded {path}" for path in recorder.paths]
        lines += [recorder.problem] if recorder.problem else []
    return lines
