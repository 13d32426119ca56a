"""Envelopes that the mapper predicts for the pieces of recordings, on the clock of their sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from folai import checkpoints
from folai.data.alignment import estimate_offsets
from folai.data.clips import load_clips
from folai.data.listing import list_clips
from folai.envelope import Envelope
from folai.envelope.rms import FRAME_RATE, count_frames
from folai.evaluate.foley.tasks import Task
from folai.evaluate.mapper.clip_scores import beside_those
from folai.mapper.predict import predict_envelope


def predicted_tasks(
    tasks: Sequence[Task], data: Path, weights: Path | None, cache: Path
) -> list[Task]:
    """The tasks with the envelope predicted from the picture instead of the true one.

    Where the sound is `offset` seconds late against the picture, as `data.alignment` estimates with
    the help of neighbouring clips, the envelope is moved later by as much.
    """
    wanted = {task.recording for task in tasks}
    listings = [listing for listing in list_clips(data) if listing.name in wanted]
    models = checkpoints.load_mapper(weights)
    offsets = estimate_offsets(load_clips([*listings, *beside_those(data, listings)], cache))
    envelopes = {
        clip.name: predict_envelope([clip.pictures], models) for clip in load_clips(listings, cache)
    }
    return [
        replace(task, envelope=part_of(envelopes[task.recording], task, offsets[task.recording]))
        for task in tasks
    ]


def part_of(whole: Envelope, task: Task, offset: float) -> Envelope:
    first = task.start - offset  # on the picture's clock
    times = np.arange(count_frames(task.duration, FRAME_RATE)) / FRAME_RATE
    onsets = whole.onsets - first
    within = (onsets >= 0) & (onsets <= len(times) / FRAME_RATE)
    return Envelope(whole.at(times + first).astype(np.float32), FRAME_RATE, onsets[within])
