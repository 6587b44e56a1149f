"""What the commands can be told: each option said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Text = str | None
Number = float | None

# The network and how it runs.
Model = Annotated[Text, typer.Option(help="An .onnx file or the name of a bundled model.")]
Provider = Annotated[str, typer.Option(help="auto, cuda or cpu.")]
EngineName = Annotated[str, typer.Option(help="auto, segment or stream.")]
TF32 = Annotated[bool, typer.Option("--tf32", help="CUDA: faster products, to 10 bits.")]

# How strong it is.
Mix = Annotated[Number, typer.Option(help="0 leaves the sound as it is, 1 denoises.")]
LimitDb = Annotated[Number, typer.Option(help="Remove at most so many dB of noise.")]
GainDb = Annotated[float, typer.Option(help="Output gain in dB.")]

# Files.
Source = Annotated[
    str, typer.Argument(metavar="IN", help="A recording, folder, 'glob*', @list or URL.")
]
Target = Annotated[str, typer.Argument(metavar="OUT", help="Where the denoised go.")]
Force = Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")]
Start = Annotated[
    Text, typer.Option(metavar="TIME", help="Keep what follows: seconds, m:s or h:m:s.")
]
End = Annotated[Text, typer.Option(metavar="TIME", help="... up to here.")]
Report = Annotated[Path | None, typer.Option(help="A .csv or .json of what became of each file.")]
Ray = Annotated[
    Text, typer.Option(metavar="[ADDRESS]", help="Spread a folder over a Ray cluster; or local.")
]
Clean = Annotated[Path | None, typer.Option(help="The recording without noise: adds metrics.")]
ForceReport = Annotated[bool, typer.Option("--force", help="Replace the report.")]

# Live.
Input = Annotated[
    Text, typer.Option(help="Microphone: number or part of its name; or a sound file.")
]
Output = Annotated[
    Text, typer.Option(help="Speaker: number or part of its name; none for nowhere.")
]
HopMs = Annotated[Number, typer.Option(help="Milliseconds per step.")]
SafetyMs = Annotated[float, typer.Option(help="Hold so much more ready, if the machine stutters.")]
VirtualMic = Annotated[
    Text, typer.Option(metavar="NAME", help="Be a microphone for other programs (Linux).")
]
Record = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Keep the noisy and the denoised take.")
]
AllowFeedback = Annotated[
    bool, typer.Option("--allow-feedback", help="Play a built-in microphone aloud.")
]
Seconds = Annotated[Number, typer.Option(help="Stop after so many seconds.")]
Forget = Annotated[
    bool, typer.Option("--forget", help="Forget the devices and settings of the last time.")
]
Json = Annotated[bool, typer.Option("--json", help="Print a JSON line a second.")]

Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
