"""The ranges of the settings that files, arrays and live audio share."""

from __future__ import annotations

from ..checks import NumberRange
from ..constants import HIGHEST_RATE, LOWEST_RATE, MAX_CHANNELS

MIX = NumberRange("a mix", 0, 1, advice=" (0 is unchanged, 1 is denoised)")
ATTENUATION_LIMIT = NumberRange(
    "an attenuation limit", 0, 200, "dB", ", or leave it out for no limit"
)
GAIN = NumberRange("a gain", -120, 60, "dB")
RATE = NumberRange("a sample rate", LOWEST_RATE, HIGHEST_RATE, "Hz")
CHANNELS = NumberRange("a number of channels", 1, MAX_CHANNELS)
BLOCK = NumberRange("a max_block", 1, 2**31 - 1, "frames")
