"""Call yourself over WebRTC on this machine and denoise what you send.

python examples/aiortc_call.py examples/noisy.wav clean.wav
"""

import asyncio
import sys

from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.contrib.media import MediaPlayer, MediaRecorder

from rtdenoise.integrations.aiortc import DenoiseTrack


async def connect(track: MediaStreamTrack) -> tuple[list[RTCPeerConnection], MediaStreamTrack]:
    """Send a track from one peer to another; return the peers and the track that arrives."""
    sender, receiver = RTCPeerConnection(), RTCPeerConnection()
    arrived: asyncio.Future[MediaStreamTrack] = asyncio.get_running_loop().create_future()
    receiver.on("track", arrived.set_result)
    sender.addTrack(track)
    await sender.setLocalDescription(await sender.createOffer())
    await receiver.setRemoteDescription(sender.localDescription)
    await receiver.setLocalDescription(await receiver.createAnswer())
    await sender.setRemoteDescription(receiver.localDescription)
    return [sender, receiver], await arrived


async def call(source: str, target: str) -> None:
    """Record what arrives at the other peer until the recording is over."""
    track = DenoiseTrack(MediaPlayer(source).audio)
    peers, arriving = await connect(track)
    ended = asyncio.Event()
    track.on("ended", ended.set)
    recorder = MediaRecorder(target)
    recorder.addTrack(arriving)
    await recorder.start()
    await ended.wait()
    await recorder.stop()
    for peer in peers:
        await peer.close()


if __name__ == "__main__":
    asyncio.run(call(*sys.argv[1:3]))
