"""Chooses container, samples, rate and bit rate of an audio file that libsndfile writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from ..errors import RtdenoiseError
from .paths import suffix_of

# The container of a suffix: the first one, unless the input has one of the others.
CONTAINERS = {
    "wav": ("WAV", "WAVEX", "RF64"),
    "wave": ("WAV", "WAVEX", "RF64"),
    "ogg": ("OGG",),
    "oga": ("OGG",),
    "opus": ("OGG",),
    "aif": ("AIFF",),
    "aifc": ("AIFF",),
    "snd": ("AU",),
}
LARGEST_WAV = 4_000_000_000  # bytes; a longer recording becomes RF64, which has 64-bit sizes
LOSSY = {"VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"}
LOUDEST = 4.0  # times full scale: louder samples make LAME abort and FFmpeg's AAC encoder hang
LOUDEST_G726 = 0.9
# Bits of samples; for the compressed ones, those of the samples that decoding gives.
BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_24": 24, "ALAC_20": 24, "ALAC_24": 24, "DWVW_24": 24}
BITS |= {"PCM_32": 32, "ALAC_32": 32, "FLOAT": 32, "DOUBLE": 64}
INTEGERS = ("PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "PCM_32")
EXACT = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}  # bits
EXACT |= {"ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24}
RATES = {
    "OPUS": (8000, 12000, 16000, 24000, 48000),
    "MPEG_LAYER_III": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
}
HIGHEST_VORBIS = 192_000  # Hz; above 200 kHz libvorbis writes what nobody can read, or crashes
FLAC_16_BITS, FLAC_HIGHEST = 65_535, 655_350  # Hz: rates above the first are counted in tens
MOST_CHANNELS = {"MPEG_LAYER_III": 2}
# Bits per second of one channel at Vorbis quality -0.1, 0, 0.1 ... 1: from libvorbis (setup_44.h).
VORBIS_QUALITY = np.arange(-1, 11) / 10
VORBIS_STEREO = [22500, 32000, 40000, 48000, 56000, 64000, 80000, 96000, 112000, 128000, 160000]
VORBIS_STEREO += [250000]
VORBIS_MONO = [32000, 48000, 60000, 70000, 80000, 86000, 96000, 110000, 120000, 140000, 160000]
VORBIS_MONO += [240000]


# The places of WAV's channels among those of Vorbis and Opus, by the number of channels.
OGG_ORDER = {3: [0, 2, 1], 5: [0, 2, 1, 3, 4], 6: [0, 2, 1, 5, 3, 4]}
OGG_ORDER |= {7: [0, 2, 1, 6, 5, 3, 4], 8: [0, 2, 1, 7, 5, 6, 3, 4]}


class AudioFormat(NamedTuple):
    """How a file is written. The names are those of libsndfile."""

    container: str
    subtypes: list[str]  # the best first
    sample_rate: int  # Hz
    settings: dict[str, Any]  # bit rate, as arguments of soundfile.SoundFile
    changes: list[str]  # what differs from the input, in words


def choose_format(path: Path, like: Any) -> AudioFormat:
    """Return the input's format where the suffix of `path` allows it, else the nearest one.

    Raises RtdenoiseError if libsndfile writes no such files, or not with as many channels.
    """
    container, subtypes = _container(path, like)
    usual = min(like.sample_rate, HIGHEST_VORBIS) if "VORBIS" in subtypes else like.sample_rate
    rates = RATES.get(subtypes[0], (usual,))
    rate = min((r for r in rates if r >= like.sample_rate), default=max(rates))
    most = MOST_CHANNELS.get(subtypes[0], like.channels)
    if like.channels > most:
        raise RtdenoiseError(
            f"{path} cannot hold {like.channels} channels, at most {most}: choose .wav or .flac"
        )
    if container == "FLAC":
        _check_flac_rate(path, rate)
    changes = []
    if rate != like.sample_rate:
        changes.append(f".{suffix_of(path)} does not hold {like.sample_rate} Hz: it has {rate} Hz")
    settings = _bit_rate_settings(subtypes[0], rate, like)
    return AudioFormat(container, subtypes, rate, settings, changes)


def _check_flac_rate(path: Path, rate: int) -> None:
    """Raise RtdenoiseError for a rate that FLAC cannot state."""
    if rate > FLAC_HIGHEST or (rate > FLAC_16_BITS and rate % 10):
        raise RtdenoiseError(
            f"{path} cannot hold {rate} Hz: FLAC holds rates up to {FLAC_16_BITS:,} Hz, and above "
            f"that multiples of 10 up to {FLAC_HIGHEST:,} Hz: choose .wav"
        )


def _container(path: Path, like: Any) -> tuple[str, list[str]]:
    suffix = suffix_of(path)
    containers = CONTAINERS.get(suffix, (suffix.upper(),))
    container = like.format if like.format in containers else containers[0]
    if container not in sf.available_formats() or container == "RAW":
        raise RtdenoiseError(
            f"the format of {path.name!r} is not supported: use .wav, .flac, .ogg, "
            ".opus, .mp3, .aiff or .caf"
        )
    size = like.frames * like.channels * BITS.get(like.subtype, 16) / 8
    if container in ("WAV", "WAVEX") and size > LARGEST_WAV:
        container = "RF64"
    if suffix == "opus" or (container == "OGG" and like.subtype == "OPUS"):
        return container, ["OPUS"]
    if container in ("OGG", "MP3"):
        return container, [sf.default_subtype(container)]
    return container, _lossless_subtypes(container, like.subtype, container == like.format)


def _lossless_subtypes(container: str, subtype: str, same: bool) -> list[str]:
    """Return the input's subtype if possible, then integers with enough bits, then fewer.

    Speech and ADPCM codecs, whose blocks round the length up, stay in the `same` container only.
    """
    bits = _bits(subtype)
    integers = sorted(INTEGERS, key=lambda name: (_bits(name) < bits, abs(_bits(name) - bits)))
    kept = same or subtype in BITS or subtype in ("PCM_16", "ULAW", "ALAW") or "ALAC" in subtype
    wanted = [subtype, *integers] if kept and subtype not in LOSSY else integers
    if container == "VOC" and not same:
        wanted = [name for name in wanted if _bits(name) > 8]  # 8-bit VOC rounds sample rates
    return [name for name in dict.fromkeys(wanted) if sf.check_format(container, name)]


def channel_order(container: str, channels: int) -> list[int] | None:
    """Return which channels of a file are those of a WAV file, in their order; None: the same.

    libsndfile leaves the channels of Vorbis and Opus in their own order: left, centre, right ...
    """
    return OGG_ORDER.get(channels) if container == "OGG" else None


def encoded(block: NDArray[np.float32], subtype: str) -> NDArray[Any]:
    """Return samples as the codec takes them, with louder ones clipped.

    Integers become 32-bit ones in the upper bits. libsndfile would scale them by 32767 although it
    reads them with 32768, so that unchanged sound would change. It clips integers, but u-law,
    A-law, ADPCM and GSM would wrap around to the other sign.
    """
    if subtype in ("FLOAT", "DOUBLE"):
        return block
    if subtype in EXACT:
        unused = 32 - EXACT[subtype]
        scaled = np.rint(block.astype(np.float64) * float(1 << (31 - unused)))
        most = float((1 << (31 - unused)) - 1)
        return np.clip(scaled, -most - 1, most).astype(np.int32) << unused
    loudest = LOUDEST if subtype in LOSSY else 1.0
    if subtype.startswith(("G72", "NMS")):  # libsndfile's decoder wraps around above that
        loudest = LOUDEST_G726
    return np.clip(block, -loudest, loudest)


def _bits(subtype: str) -> int:
    return BITS.get(subtype, 16)


def fewer_bits(subtype: str, like: Any) -> str:
    """Return what is lost if samples of `like` are stored as `subtype`, in words, or nothing."""
    before, after = _bits(like.subtype), _bits(subtype)
    if subtype in LOSSY or like.subtype in LOSSY or after >= min(before, 24):
        return ""
    return f"it has {after} bits a sample instead of {before}"


def _bit_rate_settings(subtype: str, sample_rate: int, like: Any) -> dict[str, Any]:
    """Return the settings for the bit rate of a lossy input; none after a lossless one."""
    if subtype not in LOSSY or not (rate := like.bit_rate()):
        return {}
    if subtype == "OPUS":  # libsndfile: from 6 to 256 kbit/s a channel
        level = (256_000 - rate / like.channels) / 250_000
    elif subtype == "VORBIS":
        table = VORBIS_MONO if like.channels == 1 else VORBIS_STEREO
        if not 26_000 <= sample_rate <= 50_000:
            return {}
        level = 1 - float(np.interp(rate / like.channels, table, VORBIS_QUALITY))
    else:
        lowest, highest = (32, 320) if sample_rate >= 32_000 else (8, 160)
        level = (highest - rate / 1000) / (highest - lowest)
    settings: dict[str, Any] = {"compression_level": min(0.99, max(0.0, level))}
    if subtype == "MPEG_LAYER_III":
        settings["bitrate_mode"] = "AVERAGE" if like.variable_bit_rate else "CONSTANT"
    return settings
