"""The commands that touch audio devices; sounddevice is imported only when one of them runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Text = str | None
Number = float | None
MICROPHONE = "Microphone: number or part of its name; or a sound file."
SPEAKER = "Speaker: number or part of its name; none for nowhere."


def live(
    input: Annotated[
        Text, typer.Option(help="Microphone: number, part of its name; a file.")
    ] = None,
    output: Annotated[Text, typer.Option(help=SPEAKER)] = None,
    model: Annotated[Text, typer.Option(help="An .onnx file or a bundled model.")] = None,
    provider: Annotated[str, typer.Option(help="auto, cuda or cpu.")] = "auto",
    engine: Annotated[str, typer.Option(help="auto, segment or stream.")] = "auto",
    tf32: Annotated[
        bool, typer.Option("--tf32", help="CUDA: faster products, to 10 bits.")
    ] = False,
    hop_ms: Annotated[Number, typer.Option(help="Milliseconds per step.")] = None,
    safety_ms: Annotated[
        float, typer.Option(help="Hold so much more ready, if the machine stutters.")
    ] = 0.0,
    mix: Annotated[Number, typer.Option(help="0 dry, 1 denoised.", min=0, max=1)] = None,
    limit_db: Annotated[Number, typer.Option(help="Remove at most so many dB.")] = None,
    virtual_mic: Annotated[
        Text, typer.Option(metavar="NAME", help="Be a microphone for other programs (Linux).")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the noisy and the denoised take.")
    ] = None,
    allow_feedback: Annotated[
        bool, typer.Option("--allow-feedback", help="Play a built-in microphone aloud.")
    ] = False,
    seconds: Annotated[Number, typer.Option(help="Stop after so many seconds.")] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget the devices and settings of the last time.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON line a second.")] = False,
) -> None:
    """Denoise the microphone and play it on the speaker, until Ctrl-C or q.

    Devices, mix and limit are remembered for the next time.
    """
    from .live import LiveOptions
    from .live_run import run_live
    from .settings import forget_settings

    if forget:
        forget_settings()
    given = {"input": input, "output": output, "mix": mix, "limit_db": limit_db}
    chosen = _remembered(given, virtual_mic is not None)
    options = LiveOptions(
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
    run_live(options, quiet, json, virtual_mic)


def _remembered(given: dict[str, Any], virtual: bool) -> dict[str, Any]:
    """Join what is given with what was given last time, and remember it.

    A device that is no longer there is not insisted on; what is not worth keeping (a file as the
    input, the sink of a virtual microphone) is not kept.
    """
    from .devices import list_devices, names_a_device
    from .settings import load_settings, save_settings

    given = {key: value for key, value in given.items() if value is not None}
    before = load_settings()
    for kind in ("input", "output"):
        if kind in before and kind not in given:
            if (virtual and kind == "output") or not names_a_device(
                list_devices(), before[kind], kind
            ):
                del before[kind]
    lasting = {k: v for k, v in given.items() if k != "input" or not Path(str(v)).is_file()}
    if lasting:
        save_settings({**load_settings(), **lasting})
    return {**before, **given}


def devices() -> None:
    """List the audio devices: number, name, host API, channels, rate, defaults."""
    from .devices import list_devices
    from .errors import RtdenoiseError

    found = list_devices()
    if not found:
        raise RtdenoiseError("there is no audio device: connect one, or start a sound server")
    for device in found:
        print(device)


def latency(
    input: Annotated[Text, typer.Option(help="Microphone that hears the speaker.")] = None,
    output: Annotated[Text, typer.Option(help="Speaker.")] = None,
    model: Annotated[Text, typer.Option(help="An .onnx file or a bundled model.")] = None,
    engine: Annotated[str, typer.Option(help="auto, segment or stream.")] = "auto",
    hop_ms: Annotated[Number, typer.Option(help="Milliseconds per step.")] = None,
) -> None:
    """Play a chirp, hear it, and print how late live audio is: computed and measured."""
    from .latency_probe import report

    for line in report(input, output, model, engine, hop_ms):
        print(line)
