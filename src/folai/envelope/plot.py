"""A picture of an envelope under the frames of its clip, on one time axis. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.envelope import Envelope
from folai.writing import check_writable, written_whole

Picture = NDArray[np.uint8]  # [H, W, 3]

INK, PALE, CURVE, ONSET, CONTACT = "#22262b", "#b9c0c8", "#2f6f9f", "#d9542b", "#2e8b57"
DOUBT = "#c9a227"
SUFFIXES = (".png", ".svg", ".pdf")
STRIP_HEIGHT = 0.9  # inches
MAX_WIDTH = 24.0  # inches: at 110 dots an inch still a picture that every viewer opens


def plot_envelope(
    envelope: Envelope,
    path: str | Path,
    *,
    frames: Iterable[tuple[float, Picture]] | None = None,
    contacts: Sequence[float] | NDArray[np.float64] | None = None,
    truth: Envelope | None = None,
    title: str = "",
) -> None:
    """Draws envelope to path (.png, .svg or .pdf), its onsets marked.

    Where the envelope knows how sure it is, a band shows it, and faint marks stand for hits that
    are unsure.

    frames: (time in seconds, [H, W, 3] uint8) in time order; those that fit are shown.
    contacts: seconds at which things touched. truth: another envelope, drawn behind.
    """
    plt = pyplot()
    strip = _strip(frames or [], envelope.duration, _figure_width(envelope.duration))
    heights = [STRIP_HEIGHT, 2.4] if strip else [2.4]
    figure, rows = plt.subplots(
        len(heights),
        figsize=(_figure_width(envelope.duration), sum(heights) + 0.8),
        height_ratios=heights,
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    try:
        if strip:
            _draw_frames(rows[0, 0], strip)
        _draw_curve(rows[-1, 0], envelope, contacts, truth)
        rows[0, 0].set_title(title, loc="left", color=INK, fontsize=11)
        _save(figure, Path(path))
    finally:
        plt.close(figure)


def check_plot(path: str | Path) -> None:
    """Raises, before any work, unless a plot can be drawn and saved to path."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: plots are saved as {', '.join(SUFFIXES)}; change the name")
    check_writable(path)
    pyplot()


def pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("plots need matplotlib: pip install 'folai[plot]'") from error
    matplotlib.use("Agg")  # no display is needed, and none is opened
    import matplotlib.pyplot as plt

    return plt


def _figure_width(duration: float) -> float:
    """Inches: an inch a second, within what fits a page and what a viewer opens."""
    return float(np.clip(duration, 11.0, MAX_WIDTH))


def _strip(
    frames: Iterable[tuple[float, Picture]], duration: float, width: float
) -> list[tuple[float, float, Picture]]:
    """(start, end, picture): the axis tiled, each tile with the frame on view at its middle.

    Only the frames that are shown are stored, so that a long clip needs little memory.
    """
    edges, shown = np.zeros(1), list[Picture]()
    current: Picture | None = None
    for time, picture in frames:
        if current is None:
            tile = STRIP_HEIGHT * picture.shape[1] / picture.shape[0]
            edges = np.linspace(0, duration, max(round(0.94 * width / tile), 1) + 1)
            current = picture
        due = np.searchsorted((edges[:-1] + edges[1:]) / 2, time)
        shown += [current] * (int(due) - len(shown))
        current = picture
    if current is not None:
        shown += [current] * (len(edges) - 1 - len(shown))
    return [(float(edges[i]), float(edges[i + 1]), picture) for i, picture in enumerate(shown)]


def _draw_frames(axes: Any, strip: list[tuple[float, float, Picture]]) -> None:
    for start, end, picture in strip:
        gap = 0.02 * (end - start)
        axes.imshow(picture, extent=(start + gap, end - gap, 0, 1), aspect="auto")
    axes.set_xlim(strip[0][0], strip[-1][1])
    axes.set_axis_off()


def _draw_curve(
    axes: Any,
    envelope: Envelope,
    contacts: Sequence[float] | NDArray[np.float64] | None,
    truth: Envelope | None,
) -> None:
    """Square root of RMS, as the ear and the metrics weigh it: quiet events stay visible."""
    top = 1.1 * np.sqrt(max(e.values.max() for e in (envelope, truth) if e is not None)) or 1.0
    if truth is not None:
        axes.fill_between(
            truth.times, np.sqrt(truth.values), color=PALE, linewidth=0, label="true envelope"
        )
    curve = np.sqrt(envelope.values)
    axes.fill_between(envelope.times, curve, color=CURVE, alpha=0.25, linewidth=0)
    axes.plot(envelope.times, curve, color=CURVE, linewidth=1.1, label="envelope")
    if envelope.confidence is not None:
        _draw_doubt(axes, envelope, top)
    if contacts is not None and len(contacts):
        axes.vlines(contacts, 0, top, color=CONTACT, linewidth=0.8, linestyle=":", label="contact")
    if envelope.onsets.size:
        sure = envelope.onset_confidence
        shades = np.ones(envelope.onsets.size) if sure is None else 0.25 + 0.75 * sure
        axes.vlines(envelope.onsets, 0, 0.94 * top, color=ONSET, linewidth=0.9, alpha=0.6 * shades)
        heads = np.full(envelope.onsets.size, 0.94 * top)
        axes.scatter(
            envelope.onsets, heads, marker="v", color=ONSET, s=25, alpha=shades, label="onset"
        )
    axes.set_xlim(0, envelope.duration)
    axes.set_ylim(0, top)
    _dress(axes)


def _draw_doubt(axes: Any, envelope: Envelope, top: float) -> None:
    """A band about the curve, the wider the less sure; with none where all is sure."""
    assert envelope.confidence is not None
    curve, breadth = np.sqrt(envelope.values), 0.25 * top * (1 - envelope.confidence)
    axes.fill_between(
        envelope.times,
        np.maximum(curve - breadth, 0.0),
        curve + breadth,
        color=DOUBT,
        alpha=0.3,
        linewidth=0,
        label="unsure",
    )


def _dress(axes: Any) -> None:
    axes.set_xlabel("seconds", color=INK)
    axes.set_ylabel("√RMS", color=INK)
    axes.grid(axis="x", color=PALE, linewidth=0.4, alpha=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=5, frameon=False, fontsize=8, borderpad=0
    )


def _save(figure: Any, path: Path) -> None:
    try:
        with written_whole(path) as partial:
            figure.savefig(partial, dpi=110)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise ValueError(f"{path}: cannot save the plot ({reason}): choose another name") from error
