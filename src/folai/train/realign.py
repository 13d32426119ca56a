"""Moves the offsets of recordings, while the mapper trains, to where it hears their sound.

A recording's sound is late or early against its picture by an offset that is first estimated from
the clip alone. The model, which rendered clips keep in time, knows it better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from folai.data.examples import Example, truth_at
from folai.mapper.predict import decode_bins, frame_times, predict_frames
from folai.metrics import RMS_RATE, EnvelopeCorrelation, envelope_correlation
from folai.models.rms_mapper import RMSMapper

FOLLOWS = 0.4  # correlation from which the model follows a recording at all
FURTHEST = 0.09  # seconds: a lag near the limit of 0.1 s is no answer
EXCERPT = 7.0  # seconds below which a recording is an excerpt
ENOUGH = 3  # excerpts that must agree


def realign(examples: list[Example], model: RMSMapper, log: Callable[[str], None]) -> None:
    """Moves each recording's offset half the way to where the model's envelope fits it best.

    Half, because the model has by now also learned some of the old offsets. Recordings that the
    model does not follow stay as they are. An excerpt is too short to be judged alone: all excerpts
    move by half of their median lag, since they were cut alike.
    """
    recorded = [index for index, example in enumerate(examples) if not example.exact]
    fits = {index: _fit(examples[index], model) for index in recorded}
    lags = {i: fit.lag for i, fit in fits.items() if fit.best > FOLLOWS and abs(fit.lag) < FURTHEST}
    excerpts = [index for index in recorded if _is_excerpt(examples[index])]
    votes = [lags.pop(index) for index in excerpts if index in lags]
    if len(votes) >= ENOUGH:
        lags |= dict.fromkeys(excerpts, float(np.median(votes)))
    for index, lag in lags.items():
        examples[index] = replace(examples[index], offset=examples[index].offset - 0.5 * lag)
    if lags:
        median = 1e3 * np.median(np.abs(list(lags.values())))
        log(f"       {len(lags)} offsets moved; median lag was {median:.0f} ms")


def _fit(example: Example, model: RMSMapper) -> EnvelopeCorrelation:
    """The agreement of the model's envelope with the truth at the present offset."""
    pictures = example.views[0]
    bins, _ = predict_frames(pictures, [model], example.speeds[0])
    upsample = model.config.upsample
    times = frame_times(pictures.edges, upsample)
    grid = np.arange(0.0, times[-1], 1 / RMS_RATE)
    predicted = np.interp(grid, times, decode_bins(bins, model.config.mu))
    return envelope_correlation(predicted, truth_at(example, grid)[0], RMS_RATE)


def _is_excerpt(example: Example) -> bool:
    return example.views[0].duration < EXCERPT
