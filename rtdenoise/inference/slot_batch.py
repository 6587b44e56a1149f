"""Slots of a pool that are computed in one call: their buffers on the device, and the bindings.

States alternate between two sets of buffers, as in `FixedShapeSession`. They are never updated in
place: while onnxruntime records a CUDA graph it runs the network several times on the same input.
"""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from .slot_graphs import DUE, FRESH

Audio = NDArray[np.float32]
WARM_UP = 4  # runs: both graphs in both directions are recorded, and all memory is taken


class SlotBatch:
    """`size` slots with a state each. Fill slots with `put`, `run`, and read `output`.

    `network` and `reset` are sessions of the graphs in `slot_graphs`, shared by all batches of a
    pool; `index` tells the batch's CUDA graphs from those of the others.
    """

    def __init__(
        self,
        network: ort.InferenceSession,
        reset: ort.InferenceSession,
        provider: str,
        size: int,
        hop: int,
        index: int = 0,
    ) -> None:
        self._provider, self._network, self._reset = provider, network, reset
        self.free = list(range(size))[::-1]
        self._audio = np.zeros((size, 1, hop), np.float32)
        self._due, self._fresh = np.zeros(size, bool), np.zeros(size, bool)
        self._audio_in, self._audio_out = self._buffer(self._audio), self._buffer(self._audio)
        self._due_in, self._fresh_in = self._buffer(self._due), self._buffer(self._fresh)
        shapes = [[n if isinstance(n, int) else size for n in x.shape] for x in _states_of(network)]
        self._states = [
            [self._buffer(np.zeros(shape, np.float32)) for shape in shapes] for _ in range(2)
        ]
        self._turn, self._denoised = 0, self._audio
        self._runs = [self._bind(turn, index) for turn in range(2)]
        self._resets = [self._bind_reset(turn, index) for turn in range(2)]
        for run in range(WARM_UP):
            self._fresh[:] = run % 2 == 0
            self.run()

    def _buffer(self, values: NDArray[np.generic]) -> ort.OrtValue:
        return ort.OrtValue.ortvalue_from_numpy(values.copy(), self._provider)

    def _bind(self, turn: int, index: int) -> tuple[ort.IOBinding, ort.RunOptions]:
        binding = self._network.io_binding()
        binding.bind_ortvalue_input(self._network.get_inputs()[0].name, self._audio_in)
        binding.bind_ortvalue_input(DUE, self._due_in)
        binding.bind_ortvalue_output(self._network.get_outputs()[0].name, self._audio_out)
        self._bind_states(binding, self._network, turn, skip=1)
        return binding, _options(index, turn)

    def _bind_reset(self, turn: int, index: int) -> tuple[ort.IOBinding, ort.RunOptions]:
        binding = self._reset.io_binding()
        binding.bind_ortvalue_input(FRESH, self._fresh_in)
        self._bind_states(binding, self._reset, turn, skip=0)
        return binding, _options(index, turn)

    def _bind_states(
        self, binding: ort.IOBinding, session: ort.InferenceSession, turn: int, skip: int
    ) -> None:
        for node, value in zip(_states_of(session), self._states[turn], strict=True):
            binding.bind_ortvalue_input(node.name, value)
        for node, value in zip(session.get_outputs()[skip:], self._states[1 - turn], strict=True):
            binding.bind_ortvalue_output(node.name, value)

    @property
    def nbytes(self) -> int:
        """Bytes of all buffers on the device."""
        values = [self._audio_in, self._audio_out, self._due_in, self._fresh_in]
        values += [value for states in self._states for value in states]
        return sum(value.tensor_size_in_bytes() for value in values)

    def take(self) -> int:
        """Take a free slot, which begins after silence."""
        slot = self.free.pop()
        self._fresh[slot] = True
        return slot

    def give_back(self, slot: int) -> None:
        """Free a slot."""
        self._due[slot] = False
        self.free.append(slot)

    def put(self, slot: int, hop: Audio) -> None:
        """Make a slot due for the next run, with `hop` [hop] samples."""
        self._audio[slot, 0] = hop
        self._due[slot] = True

    def run(self) -> None:
        """Compute all slots, and advance the states of those that are due."""
        if self._fresh.any():
            self._fresh_in.update_inplace(self._fresh)
            self._execute(self._reset, self._resets)
            self._fresh[:] = False
        self._audio_in.update_inplace(self._audio)
        self._due_in.update_inplace(self._due)
        self._execute(self._network, self._runs)
        self._due[:] = False
        self._denoised = self._audio_out.numpy()

    def output(self, slot: int) -> Audio:
        """Return a copy of the denoised hop [hop] of a slot."""
        return self._denoised[slot, 0].copy()

    def _execute(
        self,
        session: ort.InferenceSession,
        bindings: list[tuple[ort.IOBinding, ort.RunOptions]],
    ) -> None:
        binding, options = bindings[self._turn]
        session.run_with_iobinding(binding, options)
        self._turn = 1 - self._turn


def _states_of(session: ort.InferenceSession) -> list[ort.NodeArg]:
    """Return the inputs that are states: all but the audio and the masks."""
    return [x for x in session.get_inputs() if x.name.startswith("state")]


def _options(index: int, turn: int) -> ort.RunOptions:
    options = ort.RunOptions()
    options.add_run_config_entry("gpu_graph_id", str(2 * index + turn + 1))
    return options
