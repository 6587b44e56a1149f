"""Denoise every recording of a folder as a Hugging Face dataset, and save it as Parquet.

python examples/map_dataset.py recordings clean.parquet
"""

import sys

from datasets import load_dataset

from rtdenoise.integrations.data import DenoiseTransform


def denoise(folder: str, target: str) -> None:
    """Keep all columns; the audio becomes WAV in the file."""
    dataset = load_dataset("audiofolder", data_dir=folder, split="train")
    clean = dataset.map(DenoiseTransform(), features=dataset.features, num_proc=2)
    clean.to_parquet(target)


if __name__ == "__main__":
    denoise(*sys.argv[1:3])
