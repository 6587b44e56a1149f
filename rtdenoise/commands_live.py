"""The commands that touch audio devices; sounddevice is imported only when one of them runs."""

from __future__ import annotations

from typing import Annotated

import typer

Text = str | None


def live(
    input: Annotated[Text, typer.Option(help="Microphone: number or part of its name.")] = None,
    output: Annotated[Text, typer.Option(help="Speaker: number or part of its name.")] = None,
    model: Annotated[Text, typer.Option(help="An .onnx file or a bundled model.")] = None,
    provider: Annotated[str, typer.Option(help="auto, cuda or cpu.")] = "auto",
    engine: Annotated[str, typer.Option(help="auto, segment or stream.")] = "auto",
    hop_ms: Annotated[float | None, typer.Option(help="Milliseconds per step.")] = None,
    mix: Annotated[float, typer.Option(help="0 dry, 1 denoised.", min=0, max=1)] = 1.0,
    limit_db: Annotated[float | None, typer.Option(help="Remove at most so many dB.")] = None,
    allow_feedback: Annotated[
        bool, typer.Option("--allow-feedback", help="Play a built-in microphone aloud.")
    ] = False,
    seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Denoise the microphone and play it on the speaker, until Ctrl-C."""
    from .live import LiveOptions, run_live

    run_live(
        LiveOptions(
            input, output, model, provider, engine, hop_ms, mix, limit_db, allow_feedback, seconds
        ),
        quiet,
    )


def devices() -> None:
    """List the audio devices."""
    from .devices import list_devices
    from .errors import RtdenoiseError

    found = list_devices()
    if not found:
        raise RtdenoiseError("there is no audio device: connect one, or start a sound server")
    for device in found:
        print(device)
