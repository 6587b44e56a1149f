"""Denoise a WAV file on a Triton server, hop by hop, as a live stream would.

    python -m export.triton rtdenoise/models/default-stream.onnx repository
    tritonserver --model-repository repository
    pip install 'tritonclient[grpc]' && python examples/triton_client.py noisy.wav clean.wav

Every stream is one sequence: its first request starts it, its last ends it. Not run against a
server here; the configuration is checked against Triton's protobuf.
"""

from __future__ import annotations

import sys

import numpy as np
import soundfile as sf
import tritonclient.grpc as triton

HOP = 960  # samples: what `python -m export.triton --hop-ms 20` wrote into the configuration
LATENCY = 480  # samples by which the network's output lags


def main(source: str, target: str, server: str = "localhost:8001", model: str = "default") -> None:
    """Send the file as one sequence and write what comes back."""
    audio, rate = sf.read(source, dtype="float32")
    if rate != 48_000 or audio.ndim > 1:
        sys.exit("this example takes 48 kHz mono")
    padded = np.pad(audio, (0, LATENCY + (-len(audio) - LATENCY) % HOP))
    client, out = triton.InferenceServerClient(server), []
    for start in range(0, len(padded), HOP):
        tensor = triton.InferInput("audio", [1, 1, HOP], "FP32")
        tensor.set_data_from_numpy(padded[None, None, start : start + HOP])
        reply = client.infer(
            model,
            [tensor],
            sequence_id=1,
            sequence_start=start == 0,
            sequence_end=start + HOP == len(padded),
        )
        out.append(reply.as_numpy("denoised")[0, 0])
    sf.write(target, np.concatenate(out)[LATENCY : LATENCY + len(audio)], rate)


if __name__ == "__main__":
    main(*sys.argv[1:])
