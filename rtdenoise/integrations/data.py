"""A transform for `datasets.map`, `torch.utils.data.DataLoader` and torchaudio's tensors.

>>> denoised = dataset.map(DenoiseTransform(), num_proc=4)
>>> waveform = DenoiseTransform()(waveform, sample_rate)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..denoiser import Denoiser
from ..errors import InvalidTypeError, InvalidValueError


class DenoiseTransform:
    """Denoises what data pipelines pass on, and returns it in the same form.

    - a waveform and its rate: a tensor or array [frames], [channels, frames] or [..., channels,
      frames]. Type and device are kept; the result has no gradient.
    - a tuple (waveform, rate, ...), as torchaudio's datasets yield
    - an audio value of `datasets`: {"array", "sampling_rate"} or a decoder of torchcodec. The
      result is {"array", "sampling_rate"} with all channels, first in shape.
    - an example with such a value in `column`, or a batch with a list of them

    It can be pickled, so workers may be started in any way. Each call uses one thread, because
    data pipelines have workers of their own; pass a `Denoiser` with `workers` for more.
    """

    def __init__(self, denoiser: Denoiser | None = None, *, column: str = "audio") -> None:
        """Use the settings of `denoiser`, or the defaults."""
        self.denoiser, self.column = denoiser or Denoiser(workers=1), column

    def __call__(self, item: Any, sample_rate: float | None = None) -> Any:
        """Return `item` denoised. `sample_rate` is for waveforms only.

        Raises RtdenoiseError for other items and formats.
        """
        if sample_rate is not None:
            return self._waveform(item, sample_rate)
        if isinstance(item, tuple) and len(item) >= 2:
            return (self._waveform(item[0], item[1]), *item[1:])
        if _is_audio(item):
            return self._audio(item)
        if isinstance(item, Mapping):
            return self._example(item)
        raise InvalidTypeError(
            f"cannot denoise {type(item).__name__}: pass a waveform and its sample rate, a tuple "
            "(waveform, sample_rate), or an example of a dataset"
        )

    def _example(self, example: Mapping[str, Any]) -> Any:
        if self.column not in example:
            raise InvalidValueError(
                f"the example has no column {self.column!r}: it has {', '.join(example)}; "
                "use DenoiseTransform(column=...)"
            )
        value = example[self.column]
        batch = isinstance(value, Sequence) and not isinstance(value, str)
        if not batch and not _is_audio(value):
            raise InvalidTypeError(
                f"the column {self.column!r} has no audio, but {type(value).__name__}: cast it "
                "with dataset.cast_column(name, Audio())"
            )
        new: Any = example.copy() if hasattr(example, "copy") else dict(example)
        new[self.column] = [self._audio(v) for v in value] if batch else self._audio(value)
        return new

    def _audio(self, value: Any) -> dict[str, Any] | None:
        if value is None:  # a row without audio
            return None
        if hasattr(value, "get_all_samples"):
            samples = value.get_all_samples()
            array = samples.data.cpu().numpy()
            value = {"array": array[0] if len(array) == 1 else array}
            value["sampling_rate"] = samples.sample_rate
        clean = self._waveform(np.asarray(value["array"]), value["sampling_rate"])
        return {**value, "array": clean}

    def _waveform(self, waveform: Any, sample_rate: float) -> Any:
        if not hasattr(waveform, "detach"):
            return self._array(np.asarray(waveform), sample_rate)
        samples = waveform.detach().cpu()
        if samples.dtype.itemsize == 2 and samples.dtype.is_floating_point:
            samples = samples.float()  # NumPy has no bfloat16
        clean = self._array(samples.numpy(), sample_rate)
        return samples.new_tensor(clean).to(waveform.device, waveform.dtype)

    def _array(self, samples: NDArray[Any], sample_rate: float) -> NDArray[Any]:
        """Denoise [frames], [channels, frames] or a batch of the latter, one after the other."""
        if samples.ndim <= 2:
            return self.denoiser(samples, sample_rate, channels_first=True)
        flat = samples.reshape(-1, *samples.shape[-2:])
        clean = [self.denoiser(one, sample_rate, channels_first=True) for one in flat]
        return np.stack(clean).reshape(samples.shape) if clean else samples.copy()


def _is_audio(value: Any) -> bool:
    if value is None or hasattr(value, "get_all_samples"):
        return True
    return isinstance(value, Mapping) and "array" in value and "sampling_rate" in value
