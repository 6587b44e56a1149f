"""The Python interface: `Denoiser` for arrays and files, `denoise_audio` for one file."""

from __future__ import annotations

import os
import shlex
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import NumberRange, OptionalSetting, Setting, check_path, check_switch
from .errors import InvalidTypeError, RtdenoiseError
from .files import (
    ALL_TRACKS,
    WHOLE_FILE,
    TimeRange,
    as_time_range,
    between_tracks,
    check_output,
    count_tracks,
    open_reader,
    open_writer,
    parse_track,
)
from .inference import (
    Model,
    ModelCard,
    SharedEngines,
    load_model,
    make_file_engine,
)
from .processing import (
    ATTENUATION_LIMIT,
    GAIN,
    MIX,
    RATE,
    Processor,
    as_frames,
    as_samples,
    from_float,
    to_float,
)
from .recording import FileResult, Progress, denoise_blocks, mirrored_opening, warn_mended
from .stream import ByteType, DenoiseStream, open_stream

Audio = NDArray[np.float32]
# Seconds per block of all channels together, long enough to compute in parallel; and per channel.
BLOCK_SECONDS, MIN_BLOCK_SECONDS = {"cpu": 32, "cuda": 256}, 4
MAX_BLOCK_RATE = 192_000  # Hz; blocks of higher rates are shorter, so that memory stays limited
OPENING_SECONDS = 0.6  # a whole number of hops at every usual rate
KEPT_KINDS = 4  # of processors, for the next files or arrays of the same rate and channel count
OPENING = NumberRange("an opening", 0, 60, "s")
WORKERS = NumberRange("a number of workers", 1, 256, advice=", or None for all cores")


class Denoiser:
    """A loaded model, ready for arrays and files.

        >>> denoiser = Denoiser()
        >>> clean = denoiser(noisy, 44100)         # [frames] or [frames, channels], any rate
        >>> denoiser.file("noisy.wav", "clean.wav")

    `mix`, `attenuation_limit_db`, `gain_db`, `opening` and `workers` may be assigned later; like
    the arguments, they are checked. A Denoiser can be copied and pickled: the copy opens the model
    again. One Denoiser may be used by several threads at once.
    """

    mix = Setting(MIX)
    attenuation_limit_db = OptionalSetting(ATTENUATION_LIMIT)
    gain_db = Setting(GAIN)
    opening = Setting(OPENING)

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
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
        self.mix, self.gain_db, self.opening = mix, gain_db, opening
        self.attenuation_limit_db, self.workers, self.track = attenuation_limit_db, workers, track
        tf32 = check_switch("tf32", tf32)
        name = None if model is None else str(check_path("the model", model))
        # A pickled Denoiser may arrive in a process with another working directory.
        name = os.path.abspath(name) if name and os.path.isfile(name) else name
        self._source: dict[str, Any] = {
            "model": name,
            "provider": provider,
            "engine": engine,
            "tf32": tf32,
        }
        self._open_model()

    def _open_model(self) -> None:
        self._model = load_model(**self._source, prefer="stream")
        self._shared_engines = SharedEngines(self._model)
        self._idle: dict[tuple[int, ...], list[Processor]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings: neither the session nor the processors can be copied."""
        opened = ("_model", "_idle", "_shared_engines")
        return {k: v for k, v in self.__dict__.items() if k not in opened}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the model again. Raises RtdenoiseError if its file does not exist here."""
        self.__dict__.update(state)
        self._open_model()

    @property
    def model(self) -> Model:
        """The loaded model; for another one, make another Denoiser."""
        return self._model

    @property
    def card(self) -> ModelCard:
        """The description of the model."""
        return self._model.card

    @property
    def provider(self) -> str:
        """Where the model runs: "cuda" or "cpu"."""
        return self._model.provider

    @property
    def workers(self) -> int | None:
        """The number of threads for long recordings; None uses all cores."""
        return self._workers

    @workers.setter
    def workers(self, value: int | None) -> None:
        self._workers = None if value is None else WORKERS.check_whole(value)

    @property
    def track(self) -> int | str | None:
        """The sound track that `file` denoises: a number from 1 on, "all", or None (default)."""
        return self._track

    @track.setter
    def track(self, value: str | int | None) -> None:
        self._track = parse_track(value)

    def stream(
        self,
        sample_rate: float,
        channels: int = 1,
        *,
        block: int | None = None,
        dtype: ByteType = "int16",
        aligned: bool = False,
        low_latency: bool = False,
    ) -> DenoiseStream:
        """Return a new stream with these settings, to denoise audio chunk by chunk as it comes.

        With `block` every chunk must have a multiple of this many frames; at 48 kHz, whole hops of
        10 ms then need 10 ms less latency. Without it, chunks have any length. `dtype` is the type
        of samples in bytes. `aligned` leaves out the first `latency` frames of the output, so that
        in the end it is as long as the input, without a shift. `low_latency` resamples with a
        short filter, for calls: at 8 kHz the output is 28 ms late instead of 301. A stream begins
        after silence: without `low_latency` it returns the samples of a file with `opening` 0.
        Raises RtdenoiseError on invalid arguments.
        """
        return open_stream(
            self._shared_engines,
            self._apply_settings,
            sample_rate,
            channels,
            block,
            dtype,
            aligned,
            low_latency,
        )

    def processor(self) -> Processor:
        """Return a new processor with this model and these settings; call `prepare` on it."""
        # Not a method of this object: it would be a circle, and the model would stay in memory.
        processor = Processor(partial(make_file_engine, self._model, self.workers))
        self._apply_settings(processor)
        return processor

    def _apply_settings(self, processor: Processor) -> None:
        processor.mix, processor.gain_db = self.mix, self.gain_db
        processor.attenuation_limit_db = self.attenuation_limit_db

    @contextmanager
    def _prepared(self, sample_rate: int, channels: int) -> Iterator[Processor]:
        """Lend a processor in its initial state; afterwards it is kept for the next recording.

        Setting one up takes as long as denoising a few seconds. Those of another process are left
        alone: threads do not survive a fork.
        """
        key = (os.getpid(), sample_rate, channels, self.workers or 0)
        idle = self._idle.setdefault(key, [])
        try:
            processor = idle.pop()  # one step, so no other thread can get it as well
        except IndexError:
            processor = self.processor()
            processor.prepare(sample_rate, channels, self._block(sample_rate, channels))
        else:
            self._apply_settings(processor)
            processor.nonfinite = processor.nonfinite_output = 0
            processor.reset()
        yield processor
        processor.reset()  # so that no audio stays in memory
        idle.append(processor)
        self._idle.pop(key, None)  # the last one used is the last one of the dict
        self._idle[key] = idle
        for other in list(self._idle)[:-KEPT_KINDS]:
            self._idle.pop(other, None)

    def _block(self, sample_rate: int, channels: int) -> int:
        """Return how many frames to read at once."""
        seconds = max(MIN_BLOCK_SECONDS, BLOCK_SECONDS[self.provider] // channels)
        return seconds * min(sample_rate, MAX_BLOCK_RATE)

    def __call__(
        self, audio: ArrayLike, sample_rate: float, channels_first: bool = False
    ) -> NDArray[Any]:
        """Denoise [frames] or [frames, channels]; returns the same shape and type, without delay.

        With `channels_first` the shape is [channels, frames]. Full scale is 1.0, or that of the
        type for int8, int16, int32 and uint8. Warns if samples were NaN, infinite or beyond 1e10;
        raises RtdenoiseError on other types and shapes.
        """
        sample_rate = RATE.check_whole(sample_rate)
        samples = as_samples(audio, "the audio")
        frames = as_frames(samples, check_switch("channels_first", channels_first))
        if not len(frames):
            return samples.copy()
        with self._prepared(sample_rate, frames.shape[1]) as processor:
            block = to_float(frames)
            processor.process(mirrored_opening(block, round(self.opening * sample_rate)))
            out = np.concatenate([processor.process(block), processor.flush()])[-len(block) :]
            warn_mended(processor, "the audio", stacklevel=3)
        out = from_float(out, samples.dtype)
        return (out.T if channels_first else out).reshape(samples.shape)

    def file(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
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
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        force: bool = False,
        progress: Progress | None = None,
        time_range: TimeRange = WHOLE_FILE,
        track: str | int | None = None,
    ) -> FileResult:
        """Do the same as `file`; return also by how many dB the level was reduced."""
        source, target = check_path("the input", source), check_path("the output", target)
        force = check_switch("force", force)
        if progress is not None and not callable(progress):
            raise InvalidTypeError("progress must be a function of two numbers, or None")
        time_range = as_time_range(time_range)
        chosen = self.track if track is None else parse_track(track)
        if chosen == ALL_TRACKS:
            check_output(source, target, force)
            if (count := count_tracks(source, target)) > 1:
                return self._every_track(source, target, progress, count)
            chosen = None
        assert not isinstance(chosen, str)
        check_output(source, target, force)
        with open_reader(source, chosen) as reader:
            skipped, wanted = time_range.seek(reader)
            with self._prepared(reader.sample_rate, reader.channels) as processor:
                left = max(0, reader.frames - reader.frames_read)
                frames = left if wanted is None else min(left, wanted)
                with open_writer(target, reader, frames) as writer:
                    opening = 0 if reader.frames_read else round(self.opening * reader.sample_rate)
                    result = denoise_blocks(
                        reader, writer, processor, progress, skipped, wanted, opening
                    )
                warn_mended(processor, str(source), stacklevel=4)
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


def denoise_audio(
    model_path: str | os.PathLike[str],
    noisy_audio_path: str | os.PathLike[str],
    output_path: str | os.PathLike[str],
) -> None:
    """Denoise one file with an .onnx model. An existing output is replaced.

    A .pth checkpoint raises RtdenoiseError with the command that exports it. In a checkout,
    `train.denoise_audio` takes checkpoints too.
    """
    path = check_path("the model", model_path)
    if path.suffix == ".pth":
        command = shlex.join(["python", "-m", "export", str(path), str(path.with_suffix(".onnx"))])
        raise RtdenoiseError(
            f"{path} is a training checkpoint: export it with `{command}` and use the .onnx file"
        )
    Denoiser(path).file(noisy_audio_path, output_path, force=True)
