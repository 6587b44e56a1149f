"""What the adapters say when the package of their framework is missing."""

from __future__ import annotations

from ..errors import RtdenoiseError


class MissingPackageError(RtdenoiseError, ImportError):
    """The package of a framework is not installed."""


def missing_package(framework: str, extra: str, error: ImportError) -> MissingPackageError:
    """Return the error for an adapter of `framework` that could not import its package."""
    name = (error.name or framework).partition(".")[0]
    return MissingPackageError(
        f"the adapter for {framework} needs the package {name}: pip install 'rtdenoise[{extra}]'"
    )
