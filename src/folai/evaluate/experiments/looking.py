"""What the mapper uses: motion, colour or both, and which regions of the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from folai import checkpoints
from folai.data.clips import Clip
from folai.envelope import Envelope
from folai.evaluate.experiments.setting import Predicted, Setting, mean
from folai.evaluate.mapper.clip_scores import ClipScore, score_clip
from folai.evaluate.report import charts
from folai.evaluate.report.page import picture_uri
from folai.evaluate.report.sections import Chart, Gallery, Section, Table, cells
from folai.mapper.features import Pictures
from folai.mapper.predict import predict_envelope
from folai.media.frames import iter_frames
from folai.models.cells import CHANNELS, FLOW_CHANNELS, GRID

if TYPE_CHECKING:
    from folai.models.rms_mapper import RMSMapper

STEPS = 300  # of a clip, 10 s, seen with each region covered
REGIONS = (4, 4)  # rows and columns of covered regions
_FLOW = slice(0, len(FLOW_CHANNELS))
_CHANGES = slice(len(FLOW_CHANNELS), CHANNELS.index("red"))  # how much the picture changed
_MOTION = slice(0, CHANNELS.index("red"))  # all that covering something still takes away


def inputs(setting: Setting) -> Section:
    """RGB, flow or both, and the regions that matter."""
    rows, facts = [], {}
    for name, scores in _compared(setting).items():
        figures = [
            mean([getattr(s, f) for s in scores]) for f in ("correlation", "best", "f1", "l1")
        ]
        rows.append((name, str(len(scores)), *cells(figures)))
        facts[name] = dict(zip(("correlation", "best", "f1", "l1"), figures, strict=True))
    columns = ("the mapper sees", "clips", "corr", "best", "F1", "L1/silence")
    caption = (
        "The first three rows: one set of weights, of whose inputs one is taken away, as in its "
        "training; further rows: mappers trained on those inputs alone, where weights are given"
    )
    drops, galleries = _regions(setting)
    part = f"{REGIONS[0]} x {REGIONS[1]} regions of the picture covered in turn, 10 s of each clip"
    strongest = max(range(len(drops)), key=lambda i: float(np.max(drops[i][1])))
    return Section(
        key="inputs",
        title="RGB, flow or both, and where the mapper looks",
        question="What in the picture tells it when things sound?",
        parts=(Table(columns, tuple(rows), caption), Gallery(part, galleries)),
        findings=(
            f"Covering one region costs up to {np.max(drops[strongest][1]):.2f} of correlation "
            f"({drops[strongest][0]}).",
        ),
        facts={"inputs": facts, "regions": {name: drop.tolist() for name, drop in drops}},
    )


def _compared(setting: Setting) -> dict[str, list[ClipScore]]:
    found: dict[str, list[ClipScore]] = {"both": [item.score for item in setting.predicted]}
    for name, channels in (("without flow", _FLOW), ("without change of colour", _CHANGES)):
        found[name] = [
            score_clip(item.clip, _blind(item, channels, setting.models), item.offset)
            for item in setting.predicted
        ]
    for path in setting.options.mappers:
        models = checkpoints.load_mapper(path)
        label = f"trained on {models[0].config.inputs} ({path.parent.name}/{path.stem})"
        found[label] = [item.score for item in setting.predict(setting.options.split, models)]
    return found


def _blind(item: Predicted, channels: slice, models: Sequence[RMSMapper]) -> Envelope:
    cells = item.clip.pictures.cells.copy()
    cells[:, channels] = 0
    return predict_envelope([Pictures(item.clip.pictures.edges, cells)], models)


def _regions(
    setting: Setting,
) -> tuple[list[tuple[str, NDArray[np.float64]]], tuple[Chart, ...]]:
    """How much correlation each region [rows, columns] contributes, by clip; and pictures of it."""
    found, shown = [], []
    for item in setting.each(setting.predicted):
        pictures = item.clip.pictures.part(0, STEPS)
        clip = replace(item.clip, pictures=pictures)

        def correlation(seen: Pictures, clip: Clip = clip, offset: float = item.offset) -> float:
            envelope = predict_envelope([seen], setting.models)
            return score_clip(clip, envelope, offset).correlation

        whole = correlation(pictures)
        drop = np.zeros(REGIONS)
        for place in np.ndindex(REGIONS):
            drop[place] = whole - correlation(_covered(pictures, place))
        found.append((Path(item.clip.name).stem, drop))
        shown.append(_overlay(item, drop, whole))
    return found, tuple(shown)


def _covered(pictures: Pictures, place: tuple[int, ...]) -> Pictures:
    cells = pictures.cells.copy()
    rows, columns = (
        slice(p * size // n, (p + 1) * size // n)
        for p, size, n in zip(place, GRID, REGIONS, strict=True)
    )
    cells[:, _MOTION, rows, columns] = 0
    return Pictures(pictures.edges, cells)


def _overlay(item: Predicted, drop: NDArray[np.float64], whole: float) -> Chart:
    """A frame of the clip, bright where it matters."""
    middle = item.clip.pictures.duration / 2
    for frame in iter_frames(item.listing.path, height=160):
        image = frame.image
        if frame.time >= min(middle, 5.0):
            break
    share = np.clip(drop / max(float(drop.max()), 1e-6), 0, 1).astype(np.float32)
    light = cv2.resize(share, image.shape[1::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)
    lit = (image * (0.25 + 0.75 * light[..., None])).astype(np.uint8)
    names = [f"row {i + 1}" for i in range(REGIONS[0])]
    columns = [f"column {i + 1}" for i in range(REGIONS[1])]
    picture = f'<img alt="" style="width:100%;border-radius:6px" src="{picture_uri(lit)}">'
    grid = charts.heat(np.where(np.isfinite(drop), drop, math.nan), names, columns)
    caption = f"{Path(item.clip.name).stem}: correlation {whole:.2f}; what covering a region costs"
    return Chart(picture + grid, caption)
