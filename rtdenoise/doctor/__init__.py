"""`rtdenoise doctor`: what works on this machine, what does not, and how to mend it.

Every check runs in a process of its own, because a broken C library may crash or hang. No check
raises. This room imports `live`, `denoiser` and `inference`, inside the checks only; `cli` imports
it.
"""

from __future__ import annotations

from .examination import examine
from .finding import Finding
from .report import as_json, as_lines, exit_code

__all__ = ["Finding", "as_json", "as_lines", "examine", "exit_code"]
