"""The commands that touch audio devices; sounddevice is imported only when one of them runs."""

from __future__ import annotations

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

    Devices, mix and limit are remembered for the next time.
    """
    from ..live import LiveOptions, forget_settings, run_live
    from ..processing import check_mix

    check_mix(1.0 if mix is None else mix)  # before it is remembered
    if forget:
        forget_settings()
    settings = {"input": input, "output": output, "mix": mix, "limit_db": limit_db}
    given = {key: value for key, value in settings.items() if value is not None}
    chosen = _remembered(given, virtual_mic is not None)
    wanted = LiveOptions(
        model=model,
        provider=provider,
        engine=engine,
        tf32=tf32,
        hop_ms=hop_ms,
        safety_ms=safety_ms,
        allow_feedback=allow_feedback,
        seconds=seconds,
        record=record,
        **chosen,
    )
    # Only once the devices are open: a slip of the pen must not displace what worked.
    run_live(wanted, quiet, json, virtual_mic, begun=lambda: _remember(given))


def _remembered(given: dict[str, Any], virtual: bool) -> dict[str, Any]:
    """Join what is given with what was given last time.

    A device that is no longer there is not insisted on.
    """
    from ..live import list_devices, load_settings, names_a_device

    before = load_settings()
    for kind in ("input", "output"):
        if kind in before and kind not in given:
            if (virtual and kind == "output") or not names_a_device(
                list_devices(), before[kind], kind
            ):
                del before[kind]
    return {**before, **given}


def _remember(given: dict[str, Any]) -> None:
    """Keep what was given for the next time; not a file that stood in for a microphone."""
    from ..live import lasting_name, list_devices, load_settings, save_settings

    lasting = {k: v for k, v in given.items() if k != "input" or not Path(str(v)).is_file()}
    for kind in {"input", "output"} & lasting.keys():
        lasting[kind] = lasting_name(list_devices(), lasting[kind], kind)
    if lasting:
        save_settings({**load_settings(), **lasting})


def devices() -> None:
    """List the audio devices: number, name, host API, channels, rate, defaults."""
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
    """Play a chirp, hear it, and print how late live audio is: computed and measured."""
    from ..live import report

    for line in report(input, output, model, engine, hop_ms, safety_ms):
        print(line)
