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

from .audiofile import AudioReader, AudioWriter, check_output
from .engine import Engine, make_engine
from .errors import RtdenoiseError
from .pieces import PiecesEngine
from .processor import Processor
from .session import load_model

Audio = NDArray[np.float32]
BLOCK_SECONDS = 16  # of all channels together; long enough to be worth cutting into pieces
SILENCE = 1e-9  # energy added, so that digital silence has a level
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
    ) -> None:
        """Load `model` (None: the bundled one). Raises RtdenoiseError on anything unusable."""
        if not 0 <= mix <= 1:
            raise RtdenoiseError(f"a mix of {mix} makes no sense: use 0 (dry) to 1 (denoised)")
        self.model = load_model(model, engine, provider, prefer="stream")
        self.card, self.provider = self.model.card, self.model.provider
        self.mix, self.attenuation_limit_db, self.gain_db = mix, attenuation_limit_db, gain_db

    def processor(self) -> Processor:
        """Return a new processor with this model and these settings; call `prepare` on it."""
        processor = Processor(self._engine)
        processor.mix, processor.gain_db = self.mix, self.gain_db
        processor.attenuation_limit_db = self.attenuation_limit_db
        return processor

    def _engine(self, channels: int) -> Engine:
        if self.card.form == "stream" and self.card.fits_segment:
            return PiecesEngine(self.model, channels)
        return make_engine(self.model, channels)

    def __call__(self, audio: Audio, sample_rate: int) -> Audio:
        """Denoise [frames] or [frames, channels]; the same shape back, aligned to the sample."""
        audio = np.asarray(audio, np.float32)
        frames = audio[:, None] if audio.ndim == 1 else audio
        if not len(frames):
            return audio.copy()
        processor = self.processor()
        processor.prepare(sample_rate, frames.shape[1], BLOCK_SECONDS * sample_rate)
        out = np.concatenate([processor.process(frames), processor.flush()])
        return out[-len(frames) :].reshape(audio.shape)

    def file(
        self,
        source: str | Path,
        target: str | Path,
        force: bool = False,
        progress: Progress | None = None,
    ) -> float:
        """Denoise a file of any length in flat memory; returns the seconds denoised.

        The output has the input's length, rate, channels and sample format. It appears only when
        it is complete. Warns of damaged input; raises RtdenoiseError where nothing can be done.
        """
        return self.measured_file(source, target, force, progress).seconds

    def measured_file(
        self,
        source: str | Path,
        target: str | Path,
        force: bool = False,
        progress: Progress | None = None,
    ) -> FileResult:
        """Do as `file`, and return also how much was removed."""
        source, target = Path(source), Path(target)
        with AudioReader(source) as reader:
            check_output(source, target, force)
            processor = self.processor()
            block = max(1, BLOCK_SECONDS // reader.channels) * reader.sample_rate
            processor.prepare(reader.sample_rate, reader.channels, block)
            with AudioWriter(target, reader) as writer:
                removed_db = self._copy(reader, writer, processor, progress)
            if processor.nonfinite:
                warnings.warn(
                    f"{source}: {processor.nonfinite} samples were NaN or infinite: set to zero",
                    stacklevel=3,
                )
            return FileResult(reader.read / reader.sample_rate, removed_db)

    @staticmethod
    def _copy(
        reader: AudioReader, writer: AudioWriter, processor: Processor, progress: Progress | None
    ) -> float:
        """Denoise all blocks; return the level removed in dB."""
        skip = processor.latency  # frames of the delay, before the first one that counts
        energy_in = energy_out = SILENCE
        for block in reader.blocks(processor.max_block):
            out = processor.process(block)[skip:]
            writer.write(out)
            skip -= min(skip, len(block))
            energy_in += _energy(block)
            energy_out += _energy(out)
            if progress:
                progress(reader.read, reader.frames)
        last = processor.flush()[skip:]
        writer.write(last)
        return 10 * math.log10(energy_in / (energy_out + _energy(last)))


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
