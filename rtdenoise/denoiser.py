"""The Python interface: `Denoiser` for arrays and files, `denoise_audio` for one file."""

from __future__ import annotations

import math
import shlex
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import RtdenoiseError
from .files import (
    ALL_TRACKS,
    WHOLE_FILE,
    Reader,
    TimeRange,
    Writer,
    between_tracks,
    check_output,
    count_tracks,
    open_reader,
    open_writer,
    parse_track,
)
from .inference import Engine, ParallelStreamEngine, load_model, make_engine
from .processing import Processor, check_mix

Audio = NDArray[np.float32]
# Seconds per block of all channels together, long enough to compute in parallel; and per channel.
BLOCK_SECONDS, MIN_BLOCK_SECONDS = {"cpu": 32, "cuda": 256}, 4
ENERGY_FLOOR = 1e-9  # added to energies, so that digital silence has a level in dB
OPENING_SECONDS = 0.6  # a whole number of hops at every usual rate
Progress = Callable[[int, int], None]  # frames done, frames in total (0 if unknown)


@dataclass
class FileResult:
    """The result of denoising a file."""

    seconds: float
    removed_db: float  # level of the input relative to that of the output


class Denoiser:
    """A loaded model, ready for arrays and files.

    >>> denoiser = Denoiser()
    >>> clean = denoiser(noisy, 44100)         # [frames] or [frames, channels], any rate
    >>> denoiser.file("noisy.wav", "clean.wav")
    """

    def __init__(
        self,
        model: str | Path | None = None,
        provider: str = "auto",
        engine: str = "auto",
        mix: float = 1.0,
        attenuation_limit_db: float | None = None,
        gain_db: float = 0.0,
        workers: int | None = None,
        tf32: bool = False,
        opening: float = OPENING_SECONDS,
        track: str | int | None = None,
    ) -> None:
        """Load `model` (None: the bundled one). Raises RtdenoiseError on invalid settings.

        `workers` is the number of threads for long recordings; None uses all cores. `tf32` lets
        CUDA round the factors of matrix products to 10 bits. Before a recording, the network first
        processes its first `opening` seconds backwards, so that it knows the noise from the first
        word on. With `opening` 0 it starts after silence, as live audio does. `track` is what
        `file` uses if it is not told otherwise.
        """
        check_mix(mix)
        if not 0 <= opening < math.inf:
            raise RtdenoiseError(f"an opening of {opening:g} s is not valid: use 0 or more")
        self.model = load_model(model, engine, provider, prefer="stream", tf32=tf32)
        self.card, self.provider = self.model.card, self.model.provider
        self.mix, self.attenuation_limit_db, self.gain_db = mix, attenuation_limit_db, gain_db
        self.workers, self.opening, self.track = workers, opening, parse_track(track)

    def processor(self) -> Processor:
        """Return a new processor with this model and these settings; call `prepare` on it."""
        processor = Processor(self._engine)
        processor.mix, processor.gain_db = self.mix, self.gain_db
        processor.attenuation_limit_db = self.attenuation_limit_db
        return processor

    def _engine(self, channels: int) -> Engine:
        if self.card.form == "stream" and self.card.fits_segment:
            return ParallelStreamEngine(self.model, channels, self.workers)
        return make_engine(self.model, channels)

    def _block(self, sample_rate: int, channels: int) -> int:
        """Return how many frames to read at once."""
        return max(MIN_BLOCK_SECONDS, BLOCK_SECONDS[self.provider] // channels) * sample_rate

    def __call__(self, audio: Audio, sample_rate: int) -> Audio:
        """Denoise [frames] or [frames, channels]; returns the same shape, without delay."""
        audio = np.asarray(audio, np.float32)
        frames = audio[:, None] if audio.ndim == 1 else audio
        if not len(frames):
            return audio.copy()
        processor = self.processor()
        processor.prepare(sample_rate, frames.shape[1], self._block(sample_rate, frames.shape[1]))
        processor.process(mirrored_opening(frames, round(self.opening * sample_rate)))
        out = np.concatenate([processor.process(frames), processor.flush()])
        return out[-len(frames) :].reshape(audio.shape)

    def file(
        self,
        source: str | Path,
        target: str | Path,
        force: bool = False,
        progress: Progress | None = None,
        time_range: TimeRange = WHOLE_FILE,
        span: TimeRange | None = None,
        track: str | int | None = None,
    ) -> float:
        """Denoise a file of any length in constant memory; return the seconds denoised.

        The output has the input's length, rate, channels and sample format. The picture of a video
        is copied. The output appears only when it is complete. `-` is a WAV pipe. `time_range`
        keeps only that part (`span` is its old name). `track` chooses the sound track of a video:
        a number from 1 on, "all", or the default track. Warns if the input is damaged or
        something in it cannot be kept; raises RtdenoiseError if it cannot be denoised.
        """
        if span is not None:
            warnings.warn("span is now called time_range", DeprecationWarning, stacklevel=2)
            time_range = span
        return self.measured_file(source, target, force, progress, time_range, track).seconds

    def measured_file(
        self,
        source: str | Path,
        target: str | Path,
        force: bool = False,
        progress: Progress | None = None,
        time_range: TimeRange = WHOLE_FILE,
        track: str | int | None = None,
    ) -> FileResult:
        """Do the same as `file`; return also by how many dB the level was reduced."""
        source, target = Path(source), Path(target)
        chosen = self.track if track is None else parse_track(track)
        if chosen == ALL_TRACKS:
            check_output(source, target, force)
            if (count := count_tracks(source, target)) > 1:
                return self._every_track(source, target, progress, count)
            chosen = None
        assert not isinstance(chosen, str)
        with open_reader(source, chosen) as reader:
            check_output(source, target, force)
            skipped, wanted = time_range.seek(reader)
            processor = self.processor()
            block = self._block(reader.sample_rate, reader.channels)
            processor.prepare(reader.sample_rate, reader.channels, block)
            with open_writer(target, reader) as writer:
                opening = 0 if reader.frames_read else round(self.opening * reader.sample_rate)
                result = _copy(reader, writer, processor, progress, skipped, wanted, opening)
            if processor.nonfinite:
                warnings.warn(
                    f"{source}: {processor.nonfinite} samples were NaN or infinite: set to zero",
                    stacklevel=3,
                )
            return result

    def _every_track(
        self, source: Path, target: Path, progress: Progress | None, count: int
    ) -> FileResult:
        """Denoise one track after the other; the others are copied each time."""
        temporary = [between_tracks(target, number) for number in range(1, count)]
        places = [source, *temporary, target]
        try:
            results = [
                self.measured_file(places[i], places[i + 1], True, progress, track=i + 1)
                for i in range(count)
            ]
        finally:
            for path in temporary:
                path.unlink(missing_ok=True)
        return max(results, key=lambda result: result.seconds)


def _copy(
    reader: Reader,
    writer: Writer,
    processor: Processor,
    progress: Progress | None,
    skipped: int,
    wanted: int | None,
    opening: int,
) -> FileResult:
    """Denoise blocks, drop the first `skipped` frames, and write `wanted` frames (None: all).

    Before that, the first `opening` frames are processed backwards.
    """
    skip = processor.latency + skipped
    energy_in, energy_out, written = ENERGY_FLOOR, ENERGY_FLOOR, 0

    def write(out: Audio) -> None:
        nonlocal energy_out, written
        out = out[: None if wanted is None else wanted - written]
        writer.write(out)
        written += len(out)
        energy_out += _energy(out)

    for block in reader.blocks(processor.max_block):
        if opening:
            processor.process(mirrored_opening(block, opening))
            opening = 0
        out = processor.process(block)
        write(out[skip:])
        skip -= min(skip, len(block))
        energy_in += _energy(block)
        if progress:
            progress(reader.frames_read, reader.frames)
        if written == wanted:
            break
    else:
        write(processor.flush()[skip:])
    if not written:
        raise RtdenoiseError(f"{reader.path} has no audio after --start: choose an earlier one")
    return FileResult(written / reader.sample_rate, 10 * math.log10(energy_in / energy_out))


def mirrored_opening(audio: Audio, frames: int) -> Audio:
    """Return the `frames` that a mirror image of `audio` [frames, channels] puts before it.

    A shorter `audio` is mirrored repeatedly. NaN and Inf become zero, to be counted only once.
    """
    audio = np.nan_to_num(audio[: frames + 1], posinf=0.0, neginf=0.0)
    return np.pad(audio, ((frames, 0), (0, 0)), mode="reflect")[:frames]


def _energy(block: Audio) -> float:
    finite = np.nan_to_num(block, posinf=0.0, neginf=0.0)
    return float(np.vdot(finite, finite))


def denoise_audio(
    model_path: str | Path, noisy_audio_path: str | Path, output_path: str | Path
) -> None:
    """Denoise one file with an .onnx model. An existing output is replaced.

    A .pth checkpoint raises RtdenoiseError with the command that exports it. In a checkout,
    `train.denoise_audio` takes checkpoints too.
    """
    path = Path(model_path)
    if path.suffix == ".pth":
        command = shlex.join(["python", "-m", "export", str(path), str(path.with_suffix(".onnx"))])
        raise RtdenoiseError(
            f"{path} is a training checkpoint: export it with `{command}` and use the .onnx file"
        )
    Denoiser(path).file(noisy_audio_path, output_path, force=True)
