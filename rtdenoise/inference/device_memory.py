"""What to do when the GPU's memory does not hold a batch: recognise the error, find what fits."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import RtdenoiseError

# As onnxruntime's arena, CUDA, cuBLAS and cuDNN put it. onnxruntime's errors share no public
# class that tells them apart, so the text decides.
SIGNS = (
    "failed to allocate memory",
    "is smaller than requested bytes",
    "out of memory",
    "bad allocation",
    "alloc_failed",
    "bad_alloc",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of onnxruntime, or Python's own, says that memory ran out."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in text for sign in SIGNS)


def largest_that_fits(count: int, attempt: Callable[[int], object]) -> int:
    """Return the largest of count / 2, count / 4, ... for which `attempt` finds memory, or 0.

    Trying is the only sure way: what cuBLAS, cuDNN and other processes take is known to no formula.
    Errors of `attempt` that are not about memory are raised.
    """
    while count := count // 2:
        try:
            attempt(count)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        else:
            return count
    return 0


def out_of_memory(batch: int, fits: int, what: str = "batch") -> RtdenoiseError:
    """Return the one line for a batch that the memory does not hold while one of `fits` does."""
    mend = f"use a {what} of {fits}" if fits else "not even one fits: free memory on the GPU"
    return RtdenoiseError(
        f"the GPU's memory does not hold a {what} of {batch}: {mend}, or run on the CPU"
    )
