"""A private PulseAudio server with a virtual microphone and speaker: no hardware, no D-Bus.

Both are channels of one stereo null sink, `bus`. The left one is the microphone: `feed` plays into
it and `vmic` captures it. The right one is the speaker, `spk`. So one recording of `bus.monitor`
holds both on one clock, and the round trip is exact to the sample.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile as sf

from rtdenoise import RtdenoiseError
from rtdenoise.constants import SAMPLE_RATE

RATE = SAMPLE_RATE
MODULES = """module-native-protocol-unix auth-anonymous=1 socket={root}/native
module-null-sink sink_name=bus rate=48000 channels=2 format=float32le \
channel_map=front-left,front-right norewinds=1
module-remap-source source_name=vmic master=bus.monitor channels=1 \
master_channel_map=front-left channel_map=mono remix=no
module-remap-sink sink_name=spk master=bus channels=1 master_channel_map=front-right \
channel_map=mono remix=no
module-remap-sink sink_name=feed master=bus channels=1 master_channel_map=front-left \
channel_map=mono remix=no"""
PCM = (
    'pcm.{name} {{ type pulse server "unix:{root}/native" device "{device}" '
    'hint {{ show on description "{name}" }} }}\n'
)


class LiveRig:
    """Context manager: the server runs inside. `env` is the environment for its clients."""

    def __enter__(self) -> LiveRig:
        """Start the server. Raises RtdenoiseError if PulseAudio is not installed."""
        if not shutil.which("pulseaudio"):
            raise RtdenoiseError("the sound server is missing: apt-get install pulseaudio")
        self.root = Path(tempfile.mkdtemp(prefix="rig"))
        self.env = self._environment()
        (self.root / "run").mkdir(mode=0o700)
        self._write_alsa()
        self.start()
        return self

    def _environment(self) -> dict[str, str]:
        folders = {
            "XDG_RUNTIME_DIR": "run",
            "PULSE_RUNTIME_PATH": "run",
            "PULSE_STATE_PATH": "state",
            "PULSE_COOKIE": "cookie",
            "XDG_CONFIG_HOME": "config",
            "ALSA_CONFIG_PATH": "asound.conf",
        }
        private = {name: f"{self.root}/{folder}" for name, folder in folders.items()}
        return {**os.environ, **private, "PULSE_SERVER": f"unix:{self.root}/native"}

    def start(self) -> None:
        """Start the sound server and wait until its devices exist."""
        self.server = subprocess.Popen(
            self._command(), env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while "spk" not in self.pactl("list", "short", "sinks"):
            assert time.monotonic() < deadline, (self.root / "log").read_text()
            time.sleep(0.1)
        self.pactl("set-default-source", "vmic")
        self.pactl("set-default-sink", "spk")

    def _command(self) -> list[str]:
        command = [
            "pulseaudio",
            "-n",
            "--daemonize=no",
            "--high-priority=yes",  # as on desktops; ignored if not allowed
            "--realtime=yes",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
            f"--log-target=file:{self.root}/log",
        ]
        for module in MODULES.format(root=self.root).splitlines():
            command += ["-L", module]
        return command

    def restart(self, after: float = 0.0) -> None:
        """Kill the server and start a new one `after` seconds later."""
        self.server.kill()
        self.server.wait()
        time.sleep(after)
        self.start()

    def pactl(self, *arguments: str) -> str:
        """Run pactl on the private server and return its output."""
        return subprocess.run(
            ["pactl", *arguments], env=self.env, capture_output=True, text=True
        ).stdout

    def record(self) -> subprocess.Popen:
        """Start to record the microphone and the speaker; `recording` returns the audio."""
        return subprocess.Popen(
            [
                "parec",
                "--device=bus.monitor",
                "--raw",
                "--format=float32le",
                "--rate=48000",
                "--channels=2",
                "--latency-msec=20",
            ],
            env=self.env,
            stdout=open(self.root / "rec.raw", "wb"),
        )

    def recording(self) -> np.ndarray:
        """Return the audio recorded so far, [frames, 2]: microphone and speaker."""
        data = np.fromfile(self.root / "rec.raw", np.float32)
        return data[: len(data) // 2 * 2].reshape(-1, 2)

    def play(self, audio: np.ndarray) -> None:
        """Play audio [frames] into the virtual microphone and wait for its end."""
        path = self.root / "play.wav"
        sf.write(path, audio, RATE, subtype="FLOAT")
        subprocess.run(
            ["paplay", "--device=feed", "--latency-msec=100", str(path)],
            env=self.env,
            check=True,
            timeout=120,
        )

    def _write_alsa(self) -> None:
        lines = "</usr/share/alsa/alsa.conf>\n"
        for name, device in (("virtmic", "vmic"), ("virtspk", "spk"), ("virtfeed", "feed")):
            lines += PCM.format(name=name, device=device, root=self.root)
        lines += (
            f'pcm.!default {{ type pulse server "unix:{self.root}/native" '
            'hint { show on description "default" } }\n'
        )
        (self.root / "asound.conf").write_text(lines)

    def __exit__(self, *_: object) -> None:
        self.server.kill()
        self.server.wait()
        shutil.rmtree(self.root, ignore_errors=True)
