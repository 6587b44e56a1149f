"""The exceptions for users: one line that says what is wrong and how to fix it."""

from __future__ import annotations


class RtdenoiseError(Exception):
    """Invalid input or environment. Command lines print it to stderr and exit with code 2."""


class InvalidValueError(RtdenoiseError, ValueError):
    """An argument has the right type, but its value is not allowed."""


class InvalidTypeError(RtdenoiseError, TypeError):
    """An argument has the wrong type."""
