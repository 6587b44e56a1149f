"""The Python interface: `Denoiser` for arrays and files, `denoise_audio` for one file."""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import RtdenoiseError
from .files import WHOLE, Reader, Span, Writer, check_output, open_reader, open_writer
from .inference import Engine, PiecesEngine, load_model, make_engine
from .processing import Processor, check_mix

Audio = NDArray[np.float32]
# Audio of all channels together that is worth cutting into pieces, and the least of each channel.
BLOCK_SECONDS, LEAST_SECONDS = {"cpu": 32, "cuda": 256}, 4
SILENCE = 1e-9  # energy added, so that digital silence has a level
OPENING = 0.6  # s, and whole hops at every usual rate
Progress = Callable[[int, int], None]  # frames done, frames in all


@dataclass
class FileResult:
    """What was done to a file."""

    seconds: float
    removed_db: float  # level of the input over that of the output


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
        opening: float = OPENING,
    ) -> None:
        """Load `model` (None: the bundled one). Raises RtdenoiseError on anything unusable.

        `workers` are the threads that long recordings are spread over; None takes all cores.
        `tf32` lets CUDA round the factors of matrix products to 10 bits. A recording's first
        `opening` seconds are heard once before it, backwards, so that the noise is known from the
        first word on; with 0 there was silence before, as there is live.
        """
        check_mix(mix)
        if not 0 <= opening < math.inf:
            raise RtdenoiseError(f"an opening of {opening:g} s makes no sense: use 0 or more")
        self.model = load_model(model, engine, provider, prefer="stream", tf32=tf32)
        self.card, self.provider = self.model.card, self.model.provider
        self.mix, self.attenuation_limit_db, self.gain_db = mix, attenuation_limit_db, gain_db
        self.workers, self.opening = workers, opening

    def processor(self) -> Processor:
        """Return a new processor with this model and these settings; call `prepare` on it."""
        processor = Processor(self._engine)
        processor.mix, processor.gain_db = self.mix, self.gain_db
        processor.attenuation_limit_db = self.attenuation_limit_db
        return processor

    def _engine(self, channels: int) -> Engine:
        if self.card.form == "stream" and self.card.fits_segment:
            return PiecesEngine(self.model, channels, self.workers)
        return make_engine(self.model, channels)

    def _block(self, sample_rate: int, channels: int) -> int:
        """Return how many frames to read at once."""
        return max(LEAST_SECONDS, BLOCK_SECONDS[self.provider] // channels) * sample_rate

    def __call__(self, audio: Audio, sample_rate: int) -> Audio:
        """Denoise [frames] or [frames, channels]; the same shape back, aligned to the sample."""
        audio = np.asarray(audio, np.float32)
        frames = audio[:, None] if audio.ndim == 1 else audio
        if not len(frames):
            return audio.copy()
        processor = self.processor()
        processor.prepare(sample_rate, frames.shape[1], self._block(sample_rate, frames.shape[1]))
        processor.process(backwards(frames, round(self.opening * sample_rate)))
        out = np.concatenate([processor.process(frames), processor.flush()])
        return out[-len(frames) :].reshape(audio.shape)

    def file(
        self,
        source: str | Path,
        target: str | Path,
        force: bool = False,
        progress: Progress | None = None,
        span: Span = WHOLE,
    ) -> float:
        """Denoise a file of any length in flat memory; returns the seconds denoised.

        The output has the input's length, rate, channels and sample format; of a video the picture
        is copied. It appears only when it is complete. `-` is a WAV pipe; of `span` (seconds) only
        that part is kept. Warns of damaged input; raises RtdenoiseError where nothing can be done.
        """
        return self.measured_file(source, target, force, progress, span).seconds

    def measured_file(
        self,
        source: str | Path,
        target: str | Path,
        force: bool = False,
        progress: Progress | None = None,
        span: Span = WHOLE,
    ) -> FileResult:
        """Do as `file`, and return also how much was removed."""
        source, target = Path(source), Path(target)
        with open_reader(source) as reader:
            check_output(source, target, force)
            lead, wanted = span.enter(reader)
            processor = self.processor()
            block = self._block(reader.sample_rate, reader.channels)
            processor.prepare(reader.sample_rate, reader.channels, block)
            with open_writer(target, reader) as writer:
                opening = 0 if reader.read else round(self.opening * reader.sample_rate)
                result = _copy(reader, writer, processor, progress, lead, wanted, opening)
            if processor.nonfinite:
                warnings.warn(
                    f"{source}: {processor.nonfinite} samples were NaN or infinite: set to zero",
                    stacklevel=3,
                )
            return result


def _copy(
    reader: Reader,
    writer: Writer,
    processor: Processor,
    progress: Progress | None,
    lead: int,
    wanted: int | None,
    opening: int,
) -> FileResult:
    """Denoise blocks, dropping `lead` frames, until `wanted` are written (None: all).

    The first `opening` frames are heard backwards before.
    """
    skip = processor.latency + lead  # frames before the first one that counts
    energy_in, energy_out, written = SILENCE, SILENCE, 0

    def put(out: Audio) -> None:
        nonlocal energy_out, written
        out = out[: None if wanted is None else wanted - written]
        writer.write(out)
        written += len(out)
        energy_out += _energy(out)

    for block in reader.blocks(processor.max_block):
        if opening:
            processor.process(backwards(block, opening))
            opening = 0
        out = processor.process(block)
        put(out[skip:])
        skip -= min(skip, len(block))
        energy_in += _energy(block)
        if progress:
            progress(reader.read, reader.frames)
        if written == wanted:
            break
    else:
        put(processor.flush()[skip:])
    if not written:
        raise RtdenoiseError(f"{reader.path} holds nothing after --start: choose an earlier one")
    return FileResult(written / reader.sample_rate, 10 * math.log10(energy_in / energy_out))


def backwards(audio: Audio, frames: int) -> Audio:
    """Return what leads up to `audio` [frames, channels] as its mirror image: its beginning turned
    round, over and over where it is shorter than `frames`. Without NaN, which count once.
    """
    audio = np.nan_to_num(audio[: frames + 1], posinf=0.0, neginf=0.0)
    return np.pad(audio, ((frames, 0), (0, 0)), mode="reflect")[:frames]


def _energy(block: Audio) -> float:
    finite = np.nan_to_num(block, posinf=0.0, neginf=0.0)
    return float(np.vdot(finite, finite))


def denoise_audio(
    model_path: str | Path, noisy_audio_path: str | Path, output_path: str | Path
) -> None:
    """Denoise one file with a model: an .onnx file, or a .pth checkpoint where torch is installed.

    An existing output is replaced.
    """
    path = Path(model_path)
    if path.suffix != ".pth":
        Denoiser(path).file(noisy_audio_path, output_path, force=True)
        return
    try:
        from export.onnx_export import export_checkpoint
    except ImportError as error:
        raise RtdenoiseError(
            f"{path} is a checkpoint: run from a checkout with `pip install '.[train]'`, "
            "or convert it with `python -m export` first"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        exported = export_checkpoint(path, Path(folder, "model.onnx"), form="segment")
        Denoiser(exported).file(noisy_audio_path, output_path, force=True)
