"""Denoise an array: python examples/denoise_array.py noisy.wav clean.wav"""

import sys

import soundfile as sf

from rtdenoise import Denoiser

noisy, rate = sf.read(sys.argv[1], dtype="float32")  # [frames] or [frames, channels], any rate
denoiser = Denoiser(attenuation_limit_db=30)  # the bundled model; removes at most 30 dB
clean = denoiser(noisy, rate)  # same shape, no delay
sf.write(sys.argv[2], clean, rate)
