"""The report in Markdown: a table for each question that `findings` answers."""

from __future__ import annotations

from typing import Any

from ...reporting import markdown
from ..quality import OPINIONS
from .pauses import LEAD_SLOTS, SLOTS
from .scores import GAINS, METRICS, OFFSET, RUMBLES
from .systems import DFN3
from .tables import BAND_NAMES, STEP_NAMES, Row

SHORT = {name: METRICS[name] for name in ("pesq", "estoi", "si_sdr")}


def report(result: dict[str, Any], ours: list[str]) -> str:
    """Return the tables of a result of `findings`, with `ours` first."""
    cell, system = {"cell": "cell"}, {"system": "system"}
    voices, by_voice = {"voices": "voices"}, "by bandwidth of the voice and SNR"
    counts = {"clips": "clips"}
    si_sdr = {"si_sdr_ours": "SI-SDR dB, ours", "si_sdr_theirs": "SI-SDR dB, DeepFilterNet 3"}
    bands = system | {name: f"{name} Hz" for name in BAND_NAMES}
    steps = system | {name: f"{name} dB below" for name in STEP_NAMES}
    text = "# Voices and noises that training has seen, and held-out ones\n\n"
    text += f"Mixtures {result['mixtures']}: results with the same number are comparable.\n\n"
    if result["from_first"]:
        title = f"Difference from {ours[0]}, mean and 95 % confidence interval"
        text += _section(title, cell | system | METRICS | counts, result["from_first"])
        columns = voices | system | METRICS | counts
        text += _section(f"{title}, {by_voice}", columns, result["by_voice_from_first"])
    text += _section(
        "Means", cell | system | METRICS | counts | {"speakers": "speakers"}, result["means"]
    )
    title = "Difference from the peers, mean and 95 % confidence interval"
    text += _section(title, cell | system | {"peer": "from"} | METRICS | counts, result["by_cell"])
    title = title.replace("the peers", DFN3)
    text += _section(f"{title}, by SNR", cell | system | si_sdr | SHORT, result["by_snr"])
    columns = voices | system | counts | si_sdr | SHORT
    text += _section(f"{title}, {by_voice}", columns, result["by_voice"])
    if result["by_noise"]:
        text += _section(
            f"{title}, by held-out noise, {ours[0]}",
            {"noise": "noise"} | counts | si_sdr | SHORT,
            result["by_noise"],
        )
    text += _extremes_text(result["extremes"])
    if result["opinions"]:
        title = "DNSMOS P.835, held-out voices and noises"
        text += _section(title, system | OPINIONS, result["opinions"])
    if result["pauses"]:
        text += _pauses_text(result["pauses"]) + _leads_text(result["leads"])
    where = "held-out voices and noises at -5 and 0 dB SNR"
    text += _section(
        f"Noise left where the voice is off, dB over the voice in the band; {where}",
        bands,
        result["left"],
    )
    text += _section(f"Gain of the voice where it is on, dB; {where}", bands, result["kept"])
    by_level = "by the clean frame's level below the clip's speech"
    text += _section(f"Error over clean, dB, {by_level}; {where}", steps, result["error_by_level"])
    text += _section(f"Gain of the voice, dB, {by_level}; {where}", steps, result["kept_by_level"])
    return text + (_robustness_text(result["robustness"]) if result["robustness"] else "")


def _extremes_text(rows: list[Row]) -> str:
    """Return the table of undegraded speech and noise alone."""
    columns = {
        "system": "system",
        "speakers": "speakers",
        "pesq": "undegraded PESQ-WB",
        "worst pesq": "a tenth below",
        "si_sdr": "undegraded SI-SDR dB",
        "cut": "beginning of a word after silence, over the error, dB",
        "worst cut": "a tenth of them below",
        "noise alone": "noise alone down by dB",
    }
    return _section("Undegraded speech and noise alone, a clip of each speaker", columns, rows)


def _pauses_text(rows: list[Row]) -> str:
    """Return the table of noise in a pause."""
    columns = {"system": "system"} | {f"pause {t / 10}": f"{t / 10} s" for t in SLOTS}
    title = "Noise in a pause, down by dB after the voice; voice over error in its next 200 ms"
    return _section(title, columns | {"after": "voice after it, dB"}, rows)


def _leads_text(rows: list[Row]) -> str:
    """Return the table of noise before the first word."""
    columns = {"system": "system"} | {f"lead {t / 10}": f"{t / 10} s" for t in LEAD_SLOTS}
    title = "Noise before the first word, down by dB after the beginning of the recording; voice "
    title += "over error in the first 200 ms of that word"
    return _section(title, columns | {"first": "its voice, dB"}, rows)


def _robustness_text(rows: list[Row]) -> str:
    """Tables of level, and of rumble and offset."""
    first = {"system": "system"}
    level = first | {f"si_sdr at {db}": f"{db:+d} dB" for db in GAINS}
    voice = first | {f"voice at {db}": f"{db:+d} dB" for db in GAINS}
    rumble = first | {f"rumble at {db}": f"rumble {db:+d} dB: down by" for db in RUMBLES}
    rumble |= {f"si_sdr with rumble at {db}": f"SI-SDR, {db:+d} dB" for db in RUMBLES}
    rumble |= {"si_sdr at 0": "SI-SDR, none", "si_sdr with offset": f"SI-SDR, offset {OFFSET}"}
    return (
        _section("SI-SDR in dB by input gain", level, rows)
        + _section("Gain of the voice in dB by input gain", voice, rows)
        + _section("Rumble of 10 to 50 Hz, by its level over the voice, and offset", rumble, rows)
    )


def _section(title: str, columns: dict[str, str], rows: list[Row]) -> str:
    """Return a table below a heading of the second level."""
    return "#" + markdown(title, columns, rows) + "\n"
