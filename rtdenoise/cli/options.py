"""The options of the commands. Each is defined once, so that it means the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from ..command import finite

Text = str | None
Number = float | None


def _complete_model(incomplete: str) -> list[str]:
    """Return the bundled models that begin so; otherwise the shell completes files."""
    names = (Path(item.name) for item in resources.files("rtdenoise.models").iterdir())
    stems = {name.stem.rpartition("-")[0] for name in names if name.suffix == ".onnx"}
    return sorted(stem for stem in stems if stem.startswith(incomplete))


def _complete(*choices: str) -> Callable[[str], list[str]]:
    """Return a function for a shell's completion that knows these words."""
    return lambda incomplete: [word for word in choices if word.startswith(incomplete)]


# The model and how it runs.
Model = Annotated[
    Text,
    typer.Option(
        help="An .onnx file, or the name of a bundled model.", autocompletion=_complete_model
    ),
]
Provider = Annotated[
    str,
    typer.Option(
        help="Where the model runs: auto, cuda or cpu.",
        autocompletion=_complete("auto", "cuda", "cpu"),
    ),
]
EngineName = Annotated[
    str,
    typer.Option(
        help="auto, segment (1-second segments) or stream.",
        autocompletion=_complete("auto", "segment", "stream"),
    ),
]
TF32 = Annotated[bool, typer.Option("--tf32", help="CUDA: faster, less exact matrix products.")]

# Strength.
Mix = Annotated[Number, typer.Option(help="From 0 (unchanged) to 1 (denoised).")]
LimitDb = Annotated[Number, typer.Option(help="Reduce noise by at most this many dB.")]
GainDb = Annotated[float, typer.Option(help="Output gain in dB.")]

# Files.
Source = Annotated[
    str, typer.Argument(metavar="IN", help="A file, a folder, a 'glob*', @list.txt or a URL.")
]
Target = Annotated[str, typer.Argument(metavar="OUT", help="The output file, folder or URL.")]
Force = Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")]
Start = Annotated[
    Text,
    typer.Option(
        metavar="TIME", help="Begin here, such as 90, 1:30 or 0:01:30. For a single file."
    ),
]
End = Annotated[Text, typer.Option(metavar="TIME", help="End here. For a single file.")]
Track = Annotated[
    Text,
    typer.Option(
        metavar="N|all", help="Sound track of a video: 1, 2, ... or all. Without it, the default."
    ),
]
Report = Annotated[
    Path | None, typer.Option(help="Write the result of each file to this .csv or .json file.")
]
Ray = Annotated[
    Text,
    typer.Option(
        metavar="[ADDRESS]",
        help="Use a Ray cluster: host:port, local, or (no address) the one here.",
    ),
]
Noisy = Annotated[Path, typer.Argument(metavar="NOISY", help="The recording before denoising.")]
Denoised = Annotated[
    Path, typer.Argument(metavar="DENOISED", help="The recording after denoising.")
]
Page = Annotated[Path, typer.Argument(metavar="REPORT.html", help="The HTML page to write.")]
Clean = Annotated[
    Path | None, typer.Option(help="The recording without noise: adds PESQ, ESTOI and SI-SDR.")
]
ForceReport = Annotated[bool, typer.Option("--force", help="Replace the page if it exists.")]

# Live audio.
Input = Annotated[
    Text, typer.Option(help="Microphone: its number or a part of its name; or an audio file.")
]
Output = Annotated[
    Text, typer.Option(help="Speaker: its number or a part of its name; or none for no output.")
]
HopMs = Annotated[Number, typer.Option(help="Processing step in milliseconds.")]
SafetyMs = Annotated[
    float, typer.Option(help="Buffer this many milliseconds more, against dropouts.")
]
VirtualMic = Annotated[
    Text, typer.Option(metavar="NAME", help="Create a microphone for other programs (Linux).")
]
Record = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Record noisy and denoised audio to this folder.")
]
AllowFeedback = Annotated[
    bool,
    typer.Option("--allow-feedback", help="Allow a built-in microphone with built-in speakers."),
]
Seconds = Annotated[Number, typer.Option(help="Stop after this many seconds.")]
Forget = Annotated[
    bool, typer.Option("--forget", help="Forget the remembered devices and settings.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON line per second.")]
JsonReport = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

# The page in the browser.
Host = Annotated[str, typer.Option(help="Address to serve on; 127.0.0.1 is this computer only.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to serve on; 0 for a free one.")]
Open = Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")]
MaxSize = Annotated[
    float,
    typer.Option(
        metavar="MB", min=0.001, max=2000, callback=finite, help="Refuse larger recordings."
    ),
]
Export = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write the page to this folder and end.")
]
ForceExport = Annotated[
    bool, typer.Option("--force", help="Write into the folder of --export if it is not empty.")
]
FetchRuntime = Annotated[
    bool,
    typer.Option(
        "--fetch-runtime", help="Download onnxruntime-web with npm if it is not here yet."
    ),
]
RuntimeSource = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="The onnxruntime-web package (.tgz) or its folder."),
]

Quiet = Annotated[bool, typer.Option("--quiet", help="Print only warnings and errors.")]
