"""How live audio holds out for an hour on virtual devices.

The tests take `rig` (a private sound server) from here and `speed` takes `stalls`; every other
module is one benchmark, imported when it is asked for.
"""

__all__ = ["rig", "stalls"]
