"""Deep-feature distance in DNSMOS, a network trained to predict the ratings of listeners.

    audio at 16 kHz -> log spectrum -> convolutions -> features, compared with the clean clip's
                                          -> maximum of each -> dense -> SIG, BAK, OVRL

The network is DNSMOS P.835 (Reddy et al., arXiv:2110.01763); its weights are in the package
`speechmos` (MIT). Features are compared layer by layer as in Germain et al., arXiv:1806.10522. The
clean clip is the target, so a score above the clean clip's own gains nothing.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.functional import resample

from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError

RATE = 16_000  # Hz
WINDOW, HOP = 320, 160  # samples
CONVOLUTIONS, POOLED = 7, (3, 4, 5)  # number of them; indices of those that pooling follows
LAYERS = "mos_estimator_logpow/"


class DNSMOSFeatureLoss(nn.Module):
    """Distance [batch] of estimate and target [batch, samples] at 48 kHz, in absolute level.

    Convolutions are computed in `kind`. Raises RtdenoiseError if speechmos is not installed.
    """

    fourier: Tensor

    def __init__(self, kind: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.kind = kind
        weights = _weights()
        kernels = [weights[f"time2freq/stft-{part}/kernel:0"][..., 0] for part in ("real", "imag")]
        self.register_buffer("fourier", torch.cat(kernels), persistent=False)  # [322, 320]
        self.floor = float(weights[LAYERS + "Maximum/x:0"])
        self.convolutions = nn.ParameterList()
        self.biases = nn.ParameterList()
        for i in range(CONVOLUTIONS):
            name = f"conv2d_{i}" if i else "conv2d"
            self.convolutions.append(weights[f"{name}/kernel:0"].to(kind))
            self.biases.append(weights[f"{name}/bias:0"].to(kind))
        self.dense = nn.ParameterList()
        for name in ("dense", "dense_1", "dense_3"):
            for part in ("MatMul", "BiasAdd"):
                self.dense.append(weights[f"{LAYERS}{name}/{part}/ReadVariableOp/resource:0"])
        self.requires_grad_(False)

    def forward(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Return the distance: 0 if they are equal, about 1 for speech in loud noise."""
        with torch.no_grad():
            wanted, scores = self.features(target)
        features, estimated = self.features(estimate)
        shortfall = (scores - estimated).clamp(min=0).mean(-1)
        distances = [_distance(a, b) for a, b in zip(features, wanted, strict=True)]
        return 2 * torch.stack(distances).mean(0) + shortfall

    def features(self, audio: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the features of the later layers and the raw scores [batch, 3]."""
        frames = resample(audio, SAMPLE_RATE, RATE).unfold(-1, WINDOW, HOP)
        real, imaginary = (frames @ self.fourier.T).chunk(2, dim=-1)
        power = (real.square() + imaginary.square()).clamp(min=self.floor)
        x, features = power.log10()[:, None].to(self.kind), []
        for i, (weight, bias) in enumerate(zip(self.convolutions, self.biases, strict=True)):
            x = F.relu(F.conv2d(x, weight, bias, padding=1), inplace=True)
            if i in POOLED:
                x = F.max_pool2d(x, 2)
                features.append(x)
        x = x.amax((-1, -2)).float()
        features.append(x)
        w0, b0, w1, b1, w2, b2 = self.dense
        return features, F.relu(F.relu(x @ w0 + b0) @ w1 + b1) @ w2 + b2


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean difference [batch] of features, relative to their mean size in `b`."""
    return (a - b).abs().flatten(1).mean(1).float() / b.flatten(1).mean(1).float().clamp(min=1e-3)


def _weights() -> dict[str, Tensor]:
    found = find_spec("speechmos")  # only for its weights: its code needs librosa
    if found is None or found.origin is None:
        raise RtdenoiseError(
            "--opinion needs speechmos, which is not installed: pip install '.[train]'"
        )
    path = Path(found.origin).parent / "dnsmos_models" / "sig_bak_ovr.onnx"
    graph = onnx.load(str(path)).graph
    return {x.name: torch.tensor(numpy_helper.to_array(x)) for x in graph.initializer}
