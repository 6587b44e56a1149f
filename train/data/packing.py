"""Pack a corpus of recordings into int16 banks at 48 kHz that training maps from disk.

    python -m train.data.packing corpus packed
    python -m train.data.packing corpus packed --hold-out kerstin --hold-out noisekun

`corpus` is the output of the collector (its manifest names sources, speakers, licences and
bandwidths) or has subfolders clean, noise and rir. For each kind and side one .npy (samples) and
one .csv (clips) are written, file by file: memory stays far below 2 GB for any corpus.

    packed/train        what the network learns from
    packed/validation   what was held out, whole sources at best; without --hold-out, speakers
    packed/seen         with --hold-out: other speakers of the sources that are in train

Files that cannot be used are named on stderr and left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rtdenoise.command import run_function
from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError

from . import packing_options as options
from .bank_writer import Entry, require_speech, write_bank
from .banks import Clip
from .corpus import KINDS, is_validation
from .recordings import entries_of


def pack(
    collected: options.Collected,
    out: options.Packed,
    validation: options.Validation = 0.04,
    hold_out: options.HoldOut = None,
    leave_out: options.LeaveOut = None,
    least_range: options.LeastRange = 25.0,
    jobs: options.Jobs = 2,
) -> None:
    """Pack a folder of recordings into OUT/train, OUT/validation and OUT/seen."""
    entries = {kind: entries_of(collected, kind) for kind in KINDS}
    clips = [clip for kind in KINDS for _, clip in entries[kind]]
    held, unused = set(hold_out or ()), set(leave_out or ())
    speakers = {clip.speaker for clip in clips}
    _require_known("source or speaker", held, speakers | {clip.source for clip in clips})
    _require_known("speaker", unused, speakers)
    entries = {kind: [e for e in entries[kind] if e[1].speaker not in unused] for kind in KINDS}
    divided = {kind: divide(entries[kind], kind, held, validation) for kind in KINDS}
    if empty := [side for side, chosen in divided["clean"].items() if not chosen]:
        raise RtdenoiseError(
            f"{collected} leaves no speech for {' and '.join(empty)}: it needs more speakers, or "
            "another --validation"
        )
    for kind, sides in divided.items():
        for side, chosen in sides.items():
            folder = Path(out, side)
            written = write_bank(chosen, kind, folder, jobs, least_range if kind == "clean" else 0)
            _report(side, kind, written, len(chosen))
            if kind == "clean" and side == "train":
                require_speech(written, str(collected))


def _require_known(what: str, names: set[str], known: set[str]) -> None:
    if unknown := names - known:
        few = sorted(known, key=lambda name: ("/" in name, name))[:50]  # sources before speakers
        more = ", ..." if len(known) > len(few) else ""
        raise RtdenoiseError(
            f"no {what} is called {', '.join(sorted(unknown))}: use some of {', '.join(few)}{more}"
        )


def divide(
    entries: Iterable[Entry], kind: str, held_out: set[str], share: float
) -> dict[str, list[Entry]]:
    """Divide recordings into sides: what is held out, other speakers (or noise clips), the rest.

    `held_out` names sources, and speakers of other sources. Otherwise noise classes are on both
    sides, for there are few of them; their clips are not.
    """
    apart = "seen" if held_out else "validation"
    names = ["train", *(["validation"] if held_out else []), *([apart] if share else [])]
    sides: dict[str, list[Entry]] = {name: [] for name in names}
    for path, clip in entries:
        key = clip.speaker if kind == "clean" else clip.file
        chosen = apart if is_validation(key, share) else "train"
        named = held_out & {clip.source, clip.speaker}
        sides["validation" if named else chosen].append((path, clip))
    return sides


def _report(side: str, kind: str, clips: Sequence[Clip], files: int) -> None:
    hours = sum(clip.length for clip in clips) / SAMPLE_RATE / 3600
    sources, speakers = ({getattr(c, name) for c in clips} for name in ("source", "speaker"))
    left_out = files - len({clip.file.split("@")[0] for clip in clips})
    print(
        f"{side} {kind}: {len(clips)} clips, {hours:.2f} h, {len(speakers)} "
        f"{'speakers' if kind == 'clean' else 'classes'} of {len(sources)} sources; "
        f"{left_out} of {files} files left out",
        flush=True,
    )


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_function("train.data.packing", pack)


if __name__ == "__main__":
    main()
