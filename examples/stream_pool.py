"""Denoise many live streams at once, as a server does: here the same recording, joined later each.

    pip install 'rtdenoise[server]' && python examples/stream_pool.py 16 examples/noisy.wav out

Writes out/00.wav, out/01.wav, ... On a machine with a GPU it runs there. In a server, what arrives
from the network is fed as it comes, and a thread calls `step` every hop.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile as sf

from rtdenoise import StreamPool

RATE = 48_000


def main(count: int, source: str, target: str) -> None:
    """Denoise `count` streams of the file `source`, and write them into the folder `target`."""
    audio, rate = sf.read(source, dtype="float32")
    if rate != RATE or audio.ndim > 1:
        sys.exit(f"{source}: this example needs a 48 kHz mono file")
    pool = StreamPool(capacity=count)
    audio = np.pad(audio, (0, pool.delay + (-len(audio) - pool.delay) % pool.hop))
    hops = audio.reshape(-1, pool.hop)
    print(f"{count} streams on {pool.provider}, {pool.nbytes / 1e6:.1f} MB of states and audio")
    streams: dict[int, int] = {}  # by key: the turn in which it joined
    out: dict[int, list[np.ndarray]] = {}
    for turn in range(len(hops) + count):
        if turn < count:
            streams[pool.join()] = turn  # one more caller in each turn
        for stream, joined in list(streams.items()):
            if turn - joined < len(hops):
                pool.feed(stream, hops[turn - joined])
        for stream, denoised in pool.step().items():
            out.setdefault(stream, []).append(denoised)
        for stream in [s for s, joined in streams.items() if turn - joined >= len(hops)]:
            pool.leave(stream)
            del streams[stream]
    Path(target).mkdir(exist_ok=True)
    for number, parts in enumerate(out.values()):
        sf.write(Path(target, f"{number:02}.wav"), np.concatenate(parts)[pool.delay :], RATE)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
