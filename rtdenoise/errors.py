"""The one exception that reaches users: a single line saying what is wrong and how to mend it."""


class RtdenoiseError(Exception):
    """Bad input or environment. The command line prints it on stderr and exits with code 2."""
