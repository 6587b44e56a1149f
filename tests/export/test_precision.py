"""int8 files give the same on processors whose 8-bit multiplication saturates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from export.onnx_export import export_checkpoint
from tests.toy import toy_network
from train.networks import for_export, zero_timestep

FRAMES = 9600


class SaturatingMatMulInteger(OpRun):
    """MatMulInteger as x86 without VNNI computes it: pairs of products saturate at 16 bits."""

    op_domain = ""
    limit = 2**15

    def _run(self, a, b, a_zero_point=None, b_zero_point=None):
        assert a.dtype == np.uint8 and b.dtype == np.int8 and not np.any(b_zero_point)
        even = a.shape[-1] + a.shape[-1] % 2  # an odd last row has zero as its partner
        wide = np.zeros((*a.shape[:-1], even), np.int32)
        weights = np.zeros((even, b.shape[1]), np.int32)
        wide[..., : a.shape[-1]], weights[: len(b)] = a, b
        total = np.zeros((*a.shape[:-1], b.shape[1]), np.int32)
        for k in range(0, even, 2):
            pair = wide[..., k : k + 2] @ weights[k : k + 2]
            total += np.clip(pair, -self.limit, self.limit - 1)
        return (total - np.int32(a_zero_point) * weights.sum(0, dtype=np.int32),)


SaturatingMatMulInteger.__name__ = "MatMulInteger"  # the operator that it stands for


@pytest.fixture(scope="module")
def int8_model(toy_checkpoint: Path, tmp_path_factory) -> onnx.ModelProto:
    path = tmp_path_factory.mktemp("int8") / "small.onnx"
    return onnx.load(export_checkpoint(toy_checkpoint, path, "stream", precision="int8"))


def test_no_pair_of_products_can_saturate(int8_model):
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in int8_model.graph.initializer}
    products = [n for n in int8_model.graph.node if n.op_type == "MatMulInteger"]
    assert len(products) > 20
    for node in products:
        matrix = weights[node.input[1]].astype(int)
        assert matrix.any() and 255 * 2 * np.abs(matrix).max() < 2**15


def test_the_result_is_near_where_8_bit_products_saturate(int8_model):
    network = for_export(toy_network())
    seconds = torch.arange(FRAMES) / 48_000
    audio = (0.5 * torch.sin(2 * torch.pi * 200 * seconds))[None, None]
    audio = audio + 0.05 * torch.randn(audio.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = network(audio, zero_timestep(1)).numpy()[..., :-480]
    feed = {f"state_{i}": x.numpy() for i, x in enumerate(network.initial_states(1))}
    runner = ReferenceEvaluator(int8_model, new_ops=[SaturatingMatMulInteger])
    denoised = runner.run(None, {"audio": audio.numpy(), **feed})[0][..., 480:]
    assert 1e-4 < np.abs(denoised - expected).max() < 0.1
