"""Noise cancellation for LiveKit's audio streams and agents: pip install 'rtdenoise[livekit]'.

>>> stream = rtc.AudioStream(track, noise_cancellation=DenoiseProcessor())
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ..denoiser import Denoiser
from .frame_stream import FrameStream
from .packages import missing_package

try:
    from livekit import rtc
    from livekit.rtc import FrameProcessor  # old versions have none
except ImportError as error:
    raise missing_package("LiveKit", "livekit", error) from error

_THREADS = ThreadPoolExecutor(thread_name_prefix="rtdenoise-livekit")


class DenoiseProcessor(FrameProcessor[rtc.AudioFrame]):
    """Denoises the frames of one `rtc.AudioStream`.

    LiveKit calls the processor in the event loop and waits for its frame. So that the loop goes
    on, each call starts the denoising of its frame in another thread and returns the frame before,
    denoised; the first one is silence. With `background=False` each call denoises its own frame:
    one frame less latency, but the loop waits, by 0.25 ms for 10 ms of audio.

    `enabled=False` lets LiveKit pass frames by the processor, and a new stream begins when it is
    enabled again. `bypass=True` switches without a click or a change of latency instead.
    """

    def __init__(
        self,
        denoiser: Denoiser | None = None,
        *,
        low_latency: bool = True,
        background: bool = True,
    ) -> None:
        """Use the settings of `denoiser`, or the defaults."""
        self._stream = FrameStream(denoiser, low_latency)
        self._background, self._enabled = background, True
        self._pending: Future[rtc.AudioFrame] | None = None
        self._frame_seconds = 0.0
        self._publication = ""

    @property
    def latency_seconds(self) -> float:
        """How late the output is, with the frame that `background` adds; 0 until a frame came."""
        waiting = self._frame_seconds if self._background else 0.0
        return self._stream.latency_seconds + waiting

    @property
    def enabled(self) -> bool:
        """Whether LiveKit passes frames through the processor."""
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        if value and not self._enabled:
            self._finish()
            self._stream.reset()
        self._enabled = value

    @property
    def bypass(self) -> bool:
        """Whether frames are passed on, only later; switches without a click."""
        return self._stream.bypass

    @bypass.setter
    def bypass(self, value: bool) -> None:
        self._stream.bypass = value

    def _on_stream_info_updated(
        self, *, room_name: str, participant_identity: str, publication_sid: str
    ) -> None:
        """Begin anew when the processor is moved to another voice, as agents do."""
        if self._publication and publication_sid != self._publication:
            self._finish()
            self._stream.reset()
        self._publication = publication_sid

    def _process(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        self._frame_seconds = frame.samples_per_channel / frame.sample_rate
        if not self._background:
            return self._denoise(frame)
        pending, self._pending = self._pending, None
        previous = pending.result() if pending else _silence(frame)
        self._pending = _THREADS.submit(self._denoise, frame)
        return previous

    def _denoise(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        channels = frame.num_channels
        samples = np.frombuffer(frame.data, np.int16).reshape(-1, channels)
        out = self._stream.write(samples, frame.sample_rate)
        return rtc.AudioFrame(
            out.tobytes(), frame.sample_rate, channels, len(out), userdata=frame.userdata
        )

    def _finish(self) -> None:
        pending, self._pending = self._pending, None
        if pending:
            pending.exception()  # waits

    def _close(self) -> None:
        self._finish()
        self._stream.close()


def _silence(like: rtc.AudioFrame) -> rtc.AudioFrame:
    return rtc.AudioFrame.create(like.sample_rate, like.num_channels, like.samples_per_channel)
