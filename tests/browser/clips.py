"""Clips for the tests: long ones made of one short piece, and ones that will not do."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_long_clip(path: Path, duration: float, fps: int | Fraction = 25) -> Path:
    """H.264 of 320x180 for `duration` seconds: ten seconds, encoded once, again and again."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (12, 20, 3), np.uint8).repeat(16, 0).repeat(16, 1)[:180, :320]
    with av.open(str(path), "w") as out:
        stream = out.add_stream(
            "libx264", rate=fps, options={"preset": "ultrafast", "g": str(round(10 * fps))}
        )
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.codec_context.bit_rate = 200_000
        stream.codec_context.max_b_frames = 0
        packets = []
        for n in range(round(10 * fps)):
            frame = av.VideoFrame.from_ndarray(np.roll(noise, 4 * n, axis=1), format="rgb24")
            frame.pts = n
            packets += [(bytes(p), p.is_keyframe) for p in stream.encode(frame)]
        packets += [(bytes(p), p.is_keyframe) for p in stream.encode()]
        for n in range(round(duration * fps)):
            data, key = packets[n % len(packets)]
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, 1 / Fraction(fps)
            packet.pts = packet.dts = n
            packet.is_keyframe = key
            out.mux(packet)
    return path


def write_unplayable_clip(path: Path) -> Path:
    """FFV1 in Matroska: a browser cannot play it, and folai can."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for n in range(30):
            picture = np.full((64, 96, 3), 8 * n, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
    return path


def write_sound_only(path: Path) -> Path:
    """An MP4 that holds no video stream."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=44100)
        tone = np.sin(np.arange(44100) / 20).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = 44100
        out.mux([*stream.encode(frame), *stream.encode()])
    return path
