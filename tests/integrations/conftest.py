"""pipecat and aiortc need Python 3.11: the `test` extra leaves them out before."""

import sys

collect_ignore = ["test_pipecat.py", "test_aiortc.py"] if sys.version_info < (3, 11) else []
