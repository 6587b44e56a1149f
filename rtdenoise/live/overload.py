"""When computing is slower than the audio: use larger hops, then stop denoising, then go back."""

from __future__ import annotations

MAX_LOAD = 0.95  # of the available time; more is an overload
RECOVERY_LOAD = 0.45  # below this load, a smaller hop should fit again
RAISE_AFTER = 1.0  # s of overload before the level goes up
LOWER_AFTER = 5.0  # s of low load before the level goes down
HOPS = (1, 2, 4)  # hops computed at once at each level; at the level after these, bypass
LEVEL_NAMES = ("normal", "hop doubled", "hop quadrupled", "denoising off")


class OverloadControl:
    """Turns the load (computing time / audio time) into a level, from 0 (normal) to 3 (bypass)."""

    def __init__(self) -> None:
        self.level, self.load = 0, 0.0
        self._over = self._under = 0.0  # s that the load has been too high, low enough

    @property
    def hops(self) -> int:
        """How many hops to compute at once."""
        return HOPS[min(self.level, len(HOPS) - 1)]

    @property
    def bypass(self) -> bool:
        """Whether the audio passes without denoising."""
        return self.level == len(HOPS)

    def update(self, computing: float, audio: float) -> bool:
        """Take in that `audio` seconds took `computing` seconds; True if the level changed."""
        self.load += (computing / audio - self.load) * min(1.0, audio / 0.5)
        self._over = self._over + audio if self.load > MAX_LOAD else 0.0
        # During bypass the load says nothing about the network: after a while, try it again.
        low = self.bypass or self.load < RECOVERY_LOAD
        self._under = self._under + audio if low and self.level else 0.0
        if self._over > RAISE_AFTER and not self.bypass:
            return self._change_level(self.level + 1)
        if self._under > LOWER_AFTER:
            return self._change_level(self.level - 1)
        return False

    def _change_level(self, level: int) -> bool:
        self.level, self._over, self._under, self.load = level, 0.0, 0.0, 0.5
        return True
