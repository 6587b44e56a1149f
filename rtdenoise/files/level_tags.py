"""Tags that measure the level, such as ReplayGain. After denoising they are wrong."""

from __future__ import annotations

NAMES = ("REPLAYGAIN_", "R128_", "ITUNNORM", "MP3GAIN_")  # how their names begin
_CODED = tuple(name.encode(coding) for name in NAMES for coding in ("ascii", "utf-16-le"))


def is_level(name: str | bytes) -> bool:
    """Return whether a tag of this name, which its value may follow, measures the level."""
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    return text.upper().startswith(NAMES)


def holds_level(frame: bytes) -> bool:
    """Return whether an ID3 frame names such a measure anywhere, in 8 or 16 bits a letter."""
    return any(name in frame.upper() for name in _CODED)
