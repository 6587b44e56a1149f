"""Slots of a pool that are computed in one call: their buffers on the device, and the bindings.

States alternate between two sets of buffers, as in `FixedShapeSession`. They are never updated in
place: while onnxruntime records a CUDA graph it runs the network several times on the same input.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from .slot_graphs import DUE, FRESH

Audio = NDArray[np.float32]
Call = tuple[ort.InferenceSession, ort.IOBinding, ort.RunOptions]
WARM_UP = 4  # runs: both graphs in both directions are recorded, and all memory is taken


class SlotBatch:
    """`size` slots with a state each. Fill slots with `put`, `run`, and read `output`.

    `networks` are sessions of the graph with a mask, one for each direction; on the CPU both may be
    the same (on CUDA see `fixed_shape_session`). `reset` is a session of the reset graph.
    """

    def __init__(
        self,
        networks: Sequence[ort.InferenceSession],
        reset: ort.InferenceSession,
        provider: str,
        size: int,
        hop: int,
    ) -> None:
        self._provider = provider
        self.free = list(range(size))[::-1]
        self._audio = np.zeros((size, 1, hop), np.float32)
        self._due, self._fresh = np.zeros(size, bool), np.zeros(size, bool)
        self._audio_in, self._audio_out = self._buffer(self._audio), self._buffer(self._audio)
        self._due_in, self._fresh_in = self._buffer(self._due), self._buffer(self._fresh)
        shapes = [[n if isinstance(n, int) else size for n in x.shape] for x in _states_of(reset)]
        self._states = [
            [self._buffer(np.zeros(shape, np.float32)) for shape in shapes] for _ in range(2)
        ]
        self._turn, self._denoised = 0, self._audio
        self._runs = [self._bind(network, turn) for turn, network in enumerate(networks)]
        self._resets = [self._bind_reset(reset, turn) for turn in range(2)]
        for run in range(WARM_UP):
            self._fresh[:] = run % 2 == 0
            self.run()

    def _buffer(self, values: NDArray[np.generic]) -> ort.OrtValue:
        return ort.OrtValue.ortvalue_from_numpy(values.copy(), self._provider)

    def _bind(self, session: ort.InferenceSession, turn: int) -> Call:
        binding = session.io_binding()
        binding.bind_ortvalue_input(session.get_inputs()[0].name, self._audio_in)
        binding.bind_ortvalue_input(DUE, self._due_in)
        binding.bind_ortvalue_output(session.get_outputs()[0].name, self._audio_out)
        return self._bind_states(session, binding, turn, skip=1)

    def _bind_reset(self, session: ort.InferenceSession, turn: int) -> Call:
        binding = session.io_binding()
        binding.bind_ortvalue_input(FRESH, self._fresh_in)
        return self._bind_states(session, binding, turn, skip=0)

    def _bind_states(
        self, session: ort.InferenceSession, binding: ort.IOBinding, turn: int, skip: int
    ) -> Call:
        for node, value in zip(_states_of(session), self._states[turn], strict=True):
            binding.bind_ortvalue_input(node.name, value)
        for node, value in zip(session.get_outputs()[skip:], self._states[1 - turn], strict=True):
            binding.bind_ortvalue_output(node.name, value)
        options = ort.RunOptions()
        options.add_run_config_entry("gpu_graph_id", str(turn + 1))  # one CUDA graph each
        return session, binding, options

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
            self._execute(self._resets)
            self._fresh[:] = False
        self._audio_in.update_inplace(self._audio)
        self._due_in.update_inplace(self._due)
        self._execute(self._runs)
        self._due[:] = False
        self._denoised = self._audio_out.numpy()

    def output(self, slot: int) -> Audio:
        """Return a copy of the denoised hop [hop] of a slot."""
        return self._denoised[slot, 0].copy()

    def _execute(self, calls: list[Call]) -> None:
        session, binding, options = calls[self._turn]
        session.run_with_iobinding(binding, options)
        self._turn = 1 - self._turn


def _states_of(session: ort.InferenceSession) -> list[ort.NodeArg]:
    """Return the inputs that are states: all but the audio and the masks."""
    return [x for x in session.get_inputs() if x.name.startswith("state")]
