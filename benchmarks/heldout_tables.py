"""What `python -m benchmarks heldout` found, for the README and docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

from .reporting import table

SCORES = {"pesq": ("PESQ-WB", 2), "estoi": ("ESTOI", 3), "si_sdr": ("SI-SDR dB", 2)}


def heldout(result: dict[str, Any], link: str) -> str:
    """Return the README's section: the means over all mixtures."""
    return (
        f"**Voices and noises that training never heard**, {_clips(result)} mixtures at -5 to 15 "
        f"dB SNR ([by cell, SNR, noise and voice]({link}/heldout.md)):\n\n" + _means(result)
    )


def heldout_long(result: dict[str, Any], link: str) -> str:
    """Return the section of docs/benchmarks.md: also how far ahead or behind, with intervals."""
    columns = ["", "beside", *(title for title, _ in SCORES.values()), "mixtures"]
    sides = [(row["peer"], row) for row in _over_all(result["by_cell"])]
    sides += [(result["first"], row) for row in _over_all(result["from_first"])]
    rows = [
        [_label(row["system"]), _label(other), *(row[key] for key in SCORES), str(row["clips"])]
        for other, row in sides
    ]
    return (
        "## Voices and noises that training never heard\n\n"
        f"Means over {_clips(result)} mixtures at -5 to 15 dB SNR, without rooms. Half of the "
        "voices and half of the noises are of sources that were held out as a whole, the others "
        "of speakers and recordings that were. Sources that one of the networks was trained on "
        "are left out. Command: `python -m benchmarks heldout PACKED`. Each cell, SNR, noise and "
        f"kind of voice, level, rumble and pauses: [heldout.md]({link}/heldout.md).\n\n"
        + _means(result)
        + "\nDifferences, mean and 95 % confidence interval:\n\n"
        + table(columns, rows)
    )


def _over_all(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the group with the most mixtures: all of them, as every cell is less."""
    most = max((row["clips"] for row in rows), default=0)
    return [row for row in rows if row["clips"] == most]


def _clips(result: dict[str, Any]) -> int:
    return _over_all(result["means"])[0]["clips"]


def _means(result: dict[str, Any]) -> str:
    rows = [
        [_label(row["system"]), *(f"{row[key]:.{digits}f}" for key, (_, digits) in SCORES.items())]
        for row in sorted(_over_all(result["means"]), key=lambda row: row["pesq"])
    ]
    return table(["system", *(title for title, _ in SCORES.values())], rows)


def _label(system: str) -> str:
    """Return ours, which are called after files such as default/0.16.0.pth, in bold."""
    return f"**rtdenoise {system.replace('/', ' ')}**" if "/" in system else system
