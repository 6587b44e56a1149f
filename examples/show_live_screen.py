"""Print the screen of `rtdenoise live` as docs/live.md shows it.

    python -m examples.show_live_screen [SECONDS]     (needs tmux and PulseAudio, as .ci/run does)

Microphone and speaker are virtual devices of a sound server of its own; the microphone plays
examples/noisy.wav. Take it on a machine that does nothing else.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.live import LiveRig

ROOT = Path(__file__).parents[1]
COLUMNS, ROWS = 96, 20
FEED = ["paplay", "--device=feed", "--latency-msec=100", ROOT / "examples/noisy.wav"]
OPTIONS = "--input virtmic --output virtspk --mix 0.9 --limit-db 40"


def screen(seconds: float) -> str:
    """Return what the terminal shows `seconds` after the start."""
    with LiveRig() as rig, tempfile.TemporaryDirectory() as folder:
        # `live` remembers its settings: not among those of the user.
        env = {**rig.env, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": folder}
        env["TERM"] = "xterm-256color"
        tmux = ["tmux", "-S", f"{folder}/tmux", "-f", "/dev/null"]
        command = f"{sys.executable} -m rtdenoise live {OPTIONS} --seconds {seconds + 5}"
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        subprocess.run([*tmux, "new-session", "-d", *size, command], env=env, check=True)
        feed = subprocess.Popen(FEED, env=env)
        try:
            time.sleep(seconds)
            shown = [*tmux, "capture-pane", "-p"]
            result = subprocess.run(shown, env=env, check=True, capture_output=True, text=True)
        finally:
            feed.kill()
            feed.wait()
            subprocess.run([*tmux, "kill-server"], env=env, check=False)
    return result.stdout.rstrip()


if __name__ == "__main__":
    print(screen(float(sys.argv[1]) if len(sys.argv) > 1 else 9.0))
