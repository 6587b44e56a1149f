"""What to do when computing is slower than the audio: larger hops, then no denoising, then back."""

from __future__ import annotations

TOO_MUCH = 0.95  # of the time there is
COMFORTABLE = 0.45
PATIENCE = 1.0  # s over the limit until a step is taken
CALM = 5.0  # s below it until a step is taken back
HOPS = (1, 2, 4)  # per level; the level after the last is bypass
WORDS = ("normal", "hop doubled", "hop quadrupled", "denoising off")


class Overload:
    """Turns the load (computing time by audio time) into a level, 0 normal to 3 bypass."""

    def __init__(self) -> None:
        self.level, self.load = 0, 0.0
        self._over = self._under = 0.0

    @property
    def hops(self) -> int:
        """How many hops to compute at once."""
        return HOPS[min(self.level, len(HOPS) - 1)]

    @property
    def bypass(self) -> bool:
        """Whether the network rests."""
        return self.level == len(HOPS)

    def note(self, computing: float, audio: float) -> bool:
        """Count `computing` seconds for `audio` seconds; True where the level changed."""
        self.load += (computing / audio - self.load) * min(1.0, audio / 0.5)
        self._over = self._over + audio if self.load > TOO_MUCH else 0.0
        # At rest nothing tells whether the trouble is over: after a while, try.
        calm = self.bypass or self.load < COMFORTABLE
        self._under = self._under + audio if calm and self.level else 0.0
        if self._over > PATIENCE and not self.bypass:
            return self._go(self.level + 1)
        if self._under > CALM:
            return self._go(self.level - 1)
        return False

    def _go(self, level: int) -> bool:
        self.level, self._over, self._under, self.load = level, 0.0, 0.0, 0.5
        return True
