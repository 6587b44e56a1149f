"""Denoise a raw stream from a pipe, as it arrives; 16-bit mono at 48 kHz, or the given rate.

arecord -t raw -f S16_LE -r 48000 | python examples/denoise_stream.py | aplay -f S16_LE -r 48000
"""

import sys

from rtdenoise import Denoiser

rate = int(sys.argv[1]) if len(sys.argv) > 1 else 48_000
with Denoiser().stream(rate) as stream:
    # read1 returns what has arrived, at most 20 ms of it; an empty chunk is the end.
    arriving = iter(lambda: sys.stdin.buffer.read1(rate // 50 * 2), b"")
    for chunk in stream.iterate(arriving):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
