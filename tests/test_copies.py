"""The finished clip shows what its source shows: each picture, in order, at its time."""

import hashlib
import warnings

import av
import numpy as np
import pytest

from folai.media.clip import probe
from folai.media.containers import OUTPUTS
from folai.media.mux import check_output, mux

RATE = 48000
SOURCES = [  # suffix, codec, B-frames
    (".mp4", "libx264", 2), (".mov", "libx264", 2), (".mkv", "libx264", 2), (".ts", "libx264", 2),
    (".mp4", "libx265", 2), (".mkv", "libvpx-vp9", 0), (".webm", "libvpx-vp9", 0),
    (".avi", "mpeg4", 0), (".mov", "mjpeg", 0), (".mov", "prores_ks", 0),
    (".m4v", "libx264", 2), (".m4v", "mpeg4", 0), (".3gp", "libx264", 0), (".flv", "libx264", 2),
    (".m2ts", "libx264", 2), (".ts", "libx265", 2), (".mpg", "mpeg2video", 2),
    (".mxf", "mpeg2video", 2), (".mxf", "libx264", 0), (".avi", "libx264", 2),
    (".avi", "mjpeg", 0), (".webm", "libsvtav1", 0), (".mp4", "libsvtav1", 0), (".mkv", "ffv1", 0),
]  # fmt: skip


def write_clip(path, codec, b_frames):
    with av.open(str(path), "w") as container:
        options = {"bf": str(b_frames), "g": "7"} if b_frames else {}
        if codec == "libx265":
            options = {"x265-params": f"log-level=none:bframes={b_frames}:keyint=7"}
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = 96, 64
        if codec == "libsvtav1":
            options = {"svtav1-params": "keyint=7", "preset": "12"}
        formats = {"prores_ks": "yuv422p10le", "mjpeg": "yuvj420p"}
        stream.pix_fmt = formats.get(codec, "yuv420p")
        for index in range(20):
            image = np.random.default_rng(index).integers(0, 256, (8, 12, 3), np.uint8)
            image = image.repeat(8, axis=0).repeat(8, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def pictures(path):
    """[(milliseconds from the first, hash)] of each decoded picture."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    first = frames[0].time
    hashes = [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()[:16] for frame in frames]
    return [(round(1000 * (f.time - first)), h) for f, h in zip(frames, hashes, strict=True)]


@pytest.mark.parametrize(("suffix", "codec", "b_frames"), SOURCES)
def test_every_picture_at_its_time_in_every_container(tmp_path, suffix, codec, b_frames):
    clip = tmp_path / f"clip{suffix}"
    write_clip(clip, codec, b_frames)
    source = pictures(clip)
    assert len(source) == 20
    written = 0
    for out in (tmp_path / f"out{kind}" for kind in OUTPUTS if kind != ".wav"):
        try:
            check_output(out, source=clip)
        except ValueError as error:
            assert "cannot hold" in str(error)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            mux(clip, np.zeros((1, round(probe(clip).duration * RATE)), np.float32), RATE, out)
        copies = pictures(out)
        assert [h for _, h in copies] == [h for _, h in source]
        assert np.allclose([t for t, _ in copies], [t for t, _ in source], atol=1)
        written += 1
    assert written >= 1
