"""Fine-tuning the bundled model to one voice and one room: `python -m train personal`.

This room imports the rooms that training is made of; only the command line imports it.
"""

from __future__ import annotations

from .command import main

__all__ = ["main"]
