"""The commands that use audio devices; sounddevice is imported only when one of them runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from . import options


def live(
    input: options.Input = None,
    output: options.Output = None,
    model: options.Model = None,
    provider: options.Provider = "auto",
    engine: options.EngineName = "auto",
    tf32: options.TF32 = False,
    hop_ms: options.HopMs = None,
    safety_ms: options.SafetyMs = 0.0,
    mix: options.Mix = None,
    limit_db: options.LimitDb = None,
    virtual_mic: options.VirtualMic = None,
    record: options.Record = None,
    allow_feedback: options.AllowFeedback = False,
    seconds: options.Seconds = None,
    forget: options.Forget = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Denoise the microphone and play it on the speaker, until Ctrl-C or q.

    The devices, the mix and the limit are remembered for the next time.
    """
    from ..live import LiveOptions, forget_settings, run_live

    memorable: dict[str, Any] = {"input": input, "output": output, "mix": mix, "limit_db": limit_db}
    given = {key: value for key, value in memorable.items() if value is not None}
    live_options = LiveOptions(  # checks all numbers before anything is remembered or forgotten
        model=model,
        provider=provider,
        engine=engine,
        tf32=tf32,
        hop_ms=hop_ms,
        safety_ms=safety_ms,
        allow_feedback=allow_feedback,
        seconds=seconds,
        record=record,
        **given,
    )
    if forget:
        forget_settings()
    settings = _with_remembered(given, virtual_mic is not None)
    live_options = dataclasses.replace(live_options, **settings)
    # Remember only what works: a typing error must not replace the last good settings.
    run_live(live_options, quiet, json, virtual_mic, on_open=lambda: _remember(given))


def _with_remembered(given: dict[str, Any], virtual_mic: bool) -> dict[str, Any]:
    """Return the given settings, completed by those of the last time.

    A remembered device that has disappeared is ignored, and so is the output if there is a virtual
    microphone.
    """
    from ..live import NO_OUTPUT, device_exists, list_devices, load_settings

    before = load_settings()
    for kind in ("input", "output"):
        if kind in before and kind not in given:
            replaced = virtual_mic and kind == "output"
            is_none = before[kind] == NO_OUTPUT and kind == "output"
            if replaced or not (is_none or device_exists(list_devices(), before[kind], kind)):
                del before[kind]
    return {**before, **given}


def _remember(given: dict[str, Any]) -> None:
    """Save the given settings for the next time, except an input file."""
    from ..live import NO_OUTPUT, list_devices, load_settings, save_settings, stable_name

    kept = {k: v for k, v in given.items() if k != "input" or not Path(str(v)).is_file()}
    for kind in {"input", "output"} & kept.keys():
        if kept[kind] != NO_OUTPUT:  # that needs no PortAudio
            kept[kind] = stable_name(list_devices(), kept[kind], kind)
    if kept:
        save_settings({**load_settings(), **kept})


def devices() -> None:
    """List the audio devices: number, name, host API, channels, sample rate, defaults."""
    from ..errors import RtdenoiseError
    from ..live import list_devices

    found = list_devices()
    if not found:
        raise RtdenoiseError("there is no audio device: connect one, or start a sound server")
    for device in found:
        print(device)


def latency(
    input: options.Input = None,
    output: options.Output = None,
    model: options.Model = None,
    engine: options.EngineName = "auto",
    hop_ms: options.HopMs = None,
    safety_ms: options.SafetyMs = 0.0,
) -> None:
    """Measure the latency: play a chirp on the speaker and record it with the microphone."""
    from ..live import latency_report

    for line in latency_report(input, output, model, engine, hop_ms, safety_ms):
        print(line)
