"""The exception for users: one line that says what is wrong and how to fix it."""


class RtdenoiseError(Exception):
    """Invalid input or environment. Command lines print it to stderr and exit with code 2."""
