"""Denoise a WAV file on a Triton server, hop by hop, as a live stream would.

    python -m export.triton rtdenoise/models/default-stream.onnx repository
    tritonserver --model-repository repository
    pip install 'tritonclient[grpc]' && python examples/triton_client.py noisy.wav clean.wav

Each stream is one sequence: its first request starts it and its last request ends it. This client
has not run against a server yet; the configuration was checked against Triton's protobuf.
"""

from __future__ import annotations

import sys

import numpy as np
import soundfile as sf
import tritonclient.grpc as triton

HOP = 960  # samples: 20 ms, the default of `python -m export.triton --hop-ms`
LATENCY = 480  # samples by which the output lags the input


def main(source: str, target: str, server: str = "localhost:8001", model: str = "default") -> None:
    """Send the file as one sequence and write the denoised audio. Both files are 48 kHz mono."""
    audio, rate = sf.read(source, dtype="float32")
    if rate != 48_000 or audio.ndim > 1:
        sys.exit(f"{source}: this example needs a 48 kHz mono file")
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
