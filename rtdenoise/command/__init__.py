"""What every command line of the project shares: one line for every error, whatever happens.

This room imports only `errors`. `rtdenoise`, `train`, `export` and `benchmarks` run their commands
with `run_app`, `run_function` or `run_command`.
"""

from __future__ import annotations

from .checks import finite, one_of, writable
from .messages import describe_error, is_debugging, one_line, show_traceback
from .run import call_app, report_import_errors, run_app, run_command, run_function
from .signals import raise_if_stopped, set_on_signals
from .streams import say, silence_libraries

__all__ = [
    "call_app",
    "describe_error",
    "finite",
    "is_debugging",
    "one_line",
    "one_of",
    "raise_if_stopped",
    "report_import_errors",
    "run_app",
    "run_command",
    "run_function",
    "say",
    "set_on_signals",
    "show_traceback",
    "silence_libraries",
    "writable",
]
