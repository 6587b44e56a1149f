"""An onnxruntime session for live audio: fixed shapes, preallocated buffers, a CUDA graph.

With fixed shapes onnxruntime folds all arithmetic on shapes into constants, and inputs and outputs
are bound to the same addresses for every run. States alternate between two sets of buffers:

    run 0   states A -> states B        run 1   states B -> states A

On CUDA each direction has a session and a graph of its own: in one session, onnxruntime versions
without its pull request 32121 replay the first graph with addresses that the second left behind.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from .loading import Model, open_session

Audio = NDArray[np.float32]


def run_in_chunks(block: Audio, max_samples: int, run: Callable[[Audio], Audio]) -> Audio:
    """Apply `run` to chunks of [channels, samples] of at most `max_samples`; join the results."""
    out = [run(block[:, i : i + max_samples]) for i in range(0, block.shape[1], max_samples)]
    return out[0] if len(out) == 1 else np.concatenate(out, axis=1)


class FixedShapeSession:
    """Runs blocks [channels, samples] of one size: write to `audio`, then call `run`.

    `output_samples` is the length of the output; None means as long as the input. `profile` begins
    the names of files for onnxruntime's profiles, which `end_profiling` closes.
    """

    audio: Audio  # [channels, samples]: the input of the next run

    def __init__(
        self,
        model: Model,
        channels: int,
        samples: int,
        output_samples: int | None = None,
        profile: str | None = None,
    ) -> None:
        self._model = model
        shape = {"batch": channels, "samples": samples}
        self._sessions = [open_session(model, shape, profile=profile)]
        if len(self._sessions[0].get_inputs()) > 1:  # states
            self._sessions += (
                [open_session(model, shape, profile=profile)]
                if model.provider == "cuda"
                else self._sessions
            )
        self._sizes = channels, samples, output_samples or samples
        self._bind()

    def twin(self) -> FixedShapeSession:
        """Return another one, for another thread. On the CPU both share onnxruntime's session."""
        if self._model.provider != "cpu":  # a CUDA graph is tied to its buffers
            return FixedShapeSession(self._model, *self._sizes)
        twin = copy.copy(self)
        twin._bind()
        return twin

    def _bind(self) -> None:
        """Allocate the buffers and bind them to the inputs and outputs of the sessions."""
        channels, samples, output_samples = self._sizes
        audio, *states = self._sessions[0].get_inputs()
        denoised, *next_states = self._sessions[0].get_outputs()
        shapes = [[n if isinstance(n, int) else channels for n in x.shape] for x in states]
        self._in = self._buffer([channels, 1, samples])
        self._out = self._buffer([channels, 1, output_samples])
        self._host = np.zeros((channels, 1, samples), np.float32)
        self.audio = self._host[:, 0]
        self._states = [[self._buffer(shape) for shape in shapes] for _ in range(2)]
        self._bindings = []
        for turn, session in enumerate(self._sessions):
            binding = session.io_binding()
            binding.bind_ortvalue_input(audio.name, self._in)
            binding.bind_ortvalue_output(denoised.name, self._out)
            for node, value in zip(states, self._states[turn], strict=True):
                binding.bind_ortvalue_input(node.name, value)
            for node, value in zip(next_states, self._states[1 - turn], strict=True):
                binding.bind_ortvalue_output(node.name, value)
            options = ort.RunOptions()
            options.add_run_config_entry("gpu_graph_id", str(turn + 1))  # one CUDA graph each
            self._bindings.append((session, binding, options))
        self._turn = 0

    def _buffer(self, shape: list[int]) -> ort.OrtValue:
        return ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32), self._model.provider)

    def run(self) -> Audio:
        """Run on `audio`, advance the states, and return [channels, output_samples]."""
        self._in.update_inplace(self._host)
        self.execute()
        return self._out.numpy()[:, 0]

    def execute(self) -> None:
        """Run on the bound buffers, without copying `audio` in or the result out."""
        session, binding, options = self._bindings[self._turn]
        session.run_with_iobinding(binding, options)
        self._turn = (self._turn + 1) % len(self._bindings)

    def end_profiling(self) -> list[Path]:
        """Close the profiles that were asked for, and return their files."""
        return [Path(s.end_profiling()) for s in dict.fromkeys(x[0] for x in self._bindings)]

    @property
    def states(self) -> list[NDArray[np.float32]]:
        """Copies of the states that the next run starts from."""
        return [value.numpy().copy() for value in self._states[self._turn]]

    @states.setter
    def states(self, states: list[NDArray[np.float32]]) -> None:
        for value, state in zip(self._states[self._turn], states, strict=True):
            value.update_inplace(np.ascontiguousarray(state))
