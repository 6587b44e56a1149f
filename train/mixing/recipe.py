"""Which share of the training clips gets which degradation, and how loud the noise is."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from rtdenoise.errors import RtdenoiseError

# Of a recipe; everything else is a share.
QUANTITIES = ("layers", "sources", "snr", "floor_level", "own_floor_level", "high_pass")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Shares of the clips, 0..1, drawn independently of each other.

    About a third of the clips has speech and noise and nothing else. When it was a twelfth (rooms
    on .35, band limits on .5, late beginnings on .5), the network saw too little of what it is used
    for most; `python -m benchmarks diagnose` shows it.
    """

    only_noise: float = 0.10  # without speech
    only_clean: float = 0.08  # without noise
    recorded: float = 0.75  # noise that was recorded
    layers: tuple[float, ...] = (1.0, 0.5, 0.15)  # of them: a first, a second, a third at once
    synthesised: float = (
        0.4  # fans, hum, tones, typing, clicks; also wherever there is no recorded noise
    )
    babble: float = 0.15  # other talkers, beside noise or alone
    formants: float = 0.4  # moved by up to a sixth, while the pitch stays
    effort: float = 0.3  # a softer or a more forceful voice: tilted spectrum
    speech_eq: float = 0.4
    noise_eq: float = 0.5
    room: float = 0.2
    low_pass: float = 0.2  # half of the corpus has no top octave anyway
    rumble: float = 0.25  # wind, rumble, mains hum or DC up to 20 dB above the voice
    pulsing: float = 0.3  # noise that pulses, comes and goes
    reversed: float = 0.3  # recorded noise played backwards: other onsets, the same spectrum
    shifted: float = 0.2  # recorded noise with all frequencies moved: other partials
    clipped: float = 0.06
    late: float = 0.25  # begin after the clip does
    lead: float = 0.0  # begin with 0 to 1.6 s of the noise alone
    pauses: float = 0.0  # of 0.2 to 1.2 s are inserted into speech that gets noise
    floor: float = 0.5  # faint steady noise below the speech, in the target as well
    floor_level: tuple[float, float] = (-80.0, -60.0)  # lowest and highest, dB over the speech
    own_floor_level: tuple[float, float] = (-80.0, -60.0)  # likewise, in clips without noise
    own_rumble: float = 0.0  # of those: faint rumble of the recording, to keep
    gated: float = 0.0  # of those: digital silence between two words, as gates and cuts make it
    high_pass: float = 50.0  # Hz: recordings of speech are cut below it; 0 leaves them whole
    full_band: float = 0.25  # at least: of speakers recorded up to 16 kHz or more
    # Of the speech, source by source; other sources share the rest by their speakers.
    sources: dict[str, float] = dataclasses.field(default_factory=dict)
    music: float = 0.1  # at most: music as noise
    # Ranges of SNR in dB (lowest, highest), each with its weight. Below 5 dB denoisers differ most.
    snr: tuple[tuple[float, float, float], ...] = (
        (-10.0, 5.0, 0.5),
        (5.0, 16.0, 0.35),
        (16.0, 30.0, 0.15),
    )

    def __post_init__(self) -> None:
        """Raise RtdenoiseError if a share is not between 0 and 1, or a range is none."""
        for name, share in dataclasses.asdict(self).items():
            if name not in QUANTITIES and not (_is_number(share) and 0 <= share <= 1):
                raise RtdenoiseError(f"recipe: {name} is a share from 0 to 1, not {share}")
        if not (_is_list(self.layers) and all(_is_number(x) and 0 <= x <= 1 for x in self.layers)):
            raise RtdenoiseError(
                "recipe: layers is a list of shares from 0 to 1, such as [1, 0.2], "
                f"not {self.layers}"
            )
        if not (_are_shares(self.sources) and sum(self.sources.values()) < 1):
            raise RtdenoiseError(
                'recipe: sources are shares from 0 to 1, less than 1 together, such as {"vctk": '
                f"0.05}}, not {self.sources}"
            )
        for name in ("floor_level", "own_floor_level"):
            if not _are_numbers(level := getattr(self, name), 2):
                raise RtdenoiseError(
                    f"recipe: {name} is [lowest dB, highest dB], such as [-80, -40], not {level}"
                )
        if not (_is_number(self.high_pass) and self.high_pass >= 0):
            raise RtdenoiseError(f"recipe: high_pass is a frequency in Hz, not {self.high_pass}")
        ranges = self.snr
        if not (_is_list(ranges) and all(map(_is_range, ranges))):
            raise RtdenoiseError(
                "recipe: snr is a list of [lowest dB, highest dB, weight], such as "
                f"[[-5, 5, 1], [5, 20, 2]], not {ranges}"
            )

    @classmethod
    def of(cls, options: dict[str, Any]) -> Recipe:
        """Return the recipe with some values changed. Raises RtdenoiseError for an unknown name."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in options:
            if name not in known:
                raise RtdenoiseError(f"recipe: no share is called {name!r}: {', '.join(known)}")
        return cls(**options)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _are_shares(value: Any) -> bool:
    """Return whether a value maps names to shares between 0 and 1."""
    return isinstance(value, dict) and all(_is_number(x) and 0 < x < 1 for x in value.values())


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0


def _are_numbers(value: Any, count: int) -> bool:
    """Return whether a value is `count` numbers that begin with a range (lowest, highest)."""
    if not (isinstance(value, (list, tuple)) and len(value) == count):
        return False
    return all(map(_is_number, value)) and value[0] <= value[1]


def _is_range(value: Any) -> bool:
    """Return whether a value is (lowest, highest, weight), with a positive weight."""
    return _are_numbers(value, 3) and value[2] > 0


# Speech and recorded noise, neither filtered nor in a room, from beginning to end.
PLAIN = Recipe(
    recorded=1,
    synthesised=0,
    babble=0,
    speech_eq=0,
    noise_eq=0,
    room=0,
    low_pass=0,
    late=0,
    lead=0,
    pauses=0,
    floor=0,
    own_rumble=0,
    gated=0,
    rumble=0,
    pulsing=0,
    reversed=0,
    shifted=0,
    formants=0,
    effort=0,
)
