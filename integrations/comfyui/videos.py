"""ComfyUI's videos as files: their own, wherever possible, so that no frames are held in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import folder_paths


@contextmanager
def video_file(video: Any) -> Iterator[Path]:
    """The path of a VIDEO. One that is trimmed, or that is no file, is written to ComfyUI's folder
    for temporary files, and removed afterwards."""
    source = None if _is_edited(video) else video.get_stream_source()
    if isinstance(source, str):
        yield Path(source)
        return
    parent = Path(folder_paths.get_temp_directory())
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="folai-", dir=parent) as folder:
        path = Path(folder) / "video.mp4"
        if source is None:
            video.save_to(str(path))
        else:
            path.write_bytes(source.getbuffer())
        yield path


def _is_edited(video: Any) -> bool:
    """Whether its source holds more than the video shows: trimmed, cropped or resized.

    Earlier releases of ComfyUI have none of these questions, and no such edits.
    """
    pending = getattr(video, "has_pending_frame_edits", lambda: False)
    trim = getattr(video, "get_active_trim_window", lambda: (0.0, 0.0))
    return bool(pending()) or tuple(trim()) != (0.0, 0.0)
