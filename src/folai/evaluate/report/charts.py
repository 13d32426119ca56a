"""Charts as SVG text. Colours are the page's variables, so they follow its light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

COLOURS = 6  # in the page's palette, --c1 to --c6
MOST_POINTS = 600  # of a curve: more than a screen shows


def intervals(
    rows: Sequence[tuple[str, float, float, float]], *, unit: str = "", zero: bool = False
) -> str:
    """A dot and its interval a row: (name, value, low, high), NaN where there is no interval."""
    known = [v for row in rows for v in row[1:] if math.isfinite(v)] + ([0.0] if zero else [])
    left, width, step = 150, 430, 26
    low, high = _padded(known)
    height = step * len(rows) + 30

    def x(value: float) -> float:
        return left + width * (value - low) / (high - low)

    parts = [_grid_x(low, high, x, height - 26, unit)]
    if zero:
        parts.append(_line("zero", x(0), 0, x(0), height - 26))
    for index, (name, value, start, stop) in enumerate(rows):
        y = step * index + 15
        parts.append(_text("label", left - 10, y + 4, name))
        if not math.isfinite(value):
            continue
        colour = f"c{index % COLOURS + 1}"
        if math.isfinite(start) and math.isfinite(stop):
            parts.append(_line(f"span {colour}", x(start), y, x(stop), y))
        label = f"{name}: {value:.4g}{unit}"
        dot = f'<circle class="{colour}" cx="{x(value):.1f}" cy="{y}" r="5">'
        parts.append(f"{dot}<title>{escape(label)}</title></circle>")
    return _svg(left + width + 30, height, parts)


def lines(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    x_name: str,
    y_name: str,
    marks: bool = True,
    log_x: bool = False,
) -> str:
    """Curves over numbers: {name: (x, y)}, each with its name in the legend."""
    data = {
        name: (np.asarray(x, np.float64), np.asarray(y, np.float64))
        for name, (x, y) in series.items()
    }
    left, top, width, height = 56, 12, 500, 200
    xs = np.concatenate([x for x, _ in data.values()])
    xs = np.log10(xs) if log_x else xs
    low_x, high_x = float(xs.min()), float(xs.max()) + 1e-9
    low, high = _padded([float(v) for _, y in data.values() for v in y if np.isfinite(v)])

    def at(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        across = (np.log10(x) if log_x else x) - low_x
        return (
            left + width * across / (high_x - low_x),
            top + height * (1 - (y - low) / (high - low)),
        )

    parts = _grid_y(low, high, left, width, top, height)
    for value in sorted({float(v) for x, _ in data.values() for v in x}) if marks else ():
        place = float(at(np.array([value]), np.array([low]))[0][0])
        parts.append(_text("tick mid", place, top + height + 16, f"{value:g}"))
    for index, (name, (x, y)) in enumerate(data.items()):
        colour = f"c{index % COLOURS + 1}"
        known = np.isfinite(y)
        px, py = at(x[known], y[known])
        parts.append(f'<polyline class="curve {colour}" points="{_points(px, py)}"/>')
        for a, b, value, place_x in zip(px, py, y[known], x[known], strict=True) if marks else ():
            label = escape(f"{name}, {place_x:g}: {value:.4g}")
            parts.append(
                f'<circle class="{colour}" cx="{a:.1f}" cy="{b:.1f}" r="3.5">'
                f"<title>{label}</title></circle>"
            )
    parts.append(_text("axis mid", left + width / 2, top + height + 34, x_name))
    parts.append(_text("axis", left, top - 2, y_name))
    return _svg(left + width + 20, top + height + 44, parts) + _legend(list(data))


def envelopes(
    true: ArrayLike,
    others: Mapping[str, ArrayLike],
    rate: float,
    *,
    onsets: ArrayLike = (),
    true_onsets: ArrayLike = (),
    width: int = 900,
    height: int = 110,
) -> str:
    """Curves of RMS [T] at `rate` Hz, drawn as square roots: the true one filled, others as lines.

    Onsets (seconds) stand above, true ones below.
    """
    curves = {name: np.sqrt(np.maximum(np.asarray(c, np.float64), 0)) for name, c in others.items()}
    truth = np.sqrt(np.maximum(np.asarray(true, np.float64), 0))
    top = 1.05 * max([float(c.max(initial=0.0)) for c in (truth, *curves.values())] + [1e-6])
    seconds = max(len(truth), 1) / rate

    def path(curve: Floats) -> tuple[Floats, Floats]:
        step = max(1, math.ceil(len(curve) / MOST_POINTS))
        peaks = np.maximum.reduceat(curve, np.arange(0, len(curve), step))
        x = np.arange(len(peaks)) * step / rate / seconds * width
        return x, 8 + (height - 16) * (1 - peaks / top)

    x, y = path(truth)
    base = height - 8
    last = x[-1] if len(x) else 0.0
    parts = [f'<polygon class="true" points="0,{base} {_points(x, y)} {last:.1f},{base}"/>']
    for index, (_, curve) in enumerate(curves.items()):
        parts.append(
            f'<polyline class="curve c{index % COLOURS + 1}" points="{_points(*path(curve))}"/>'
        )
    for times, kind, a, b in ((onsets, "made", 0, 7), (true_onsets, "known", base + 1, height)):
        for time in np.asarray(times, np.float64):
            place = time / seconds * width
            parts.append(_line(kind, place, a, place, b))
    return _svg(width, height, parts, wide=True) + _legend(list(curves), truth="truth")


def heat(
    values: ArrayLike, rows: Sequence[str], columns: Sequence[str], *, pattern: str = "{:.2f}"
) -> str:
    """A matrix [R, C] as coloured cells, dark for high; NaN is left empty."""
    grid = np.asarray(values, np.float64)
    low, high = float(np.nanmin(grid)), float(np.nanmax(grid))
    left, top, cell = 110, 96, 34
    parts = []
    for i, name in enumerate(rows):
        parts.append(_text("label", left - 8, top + cell * i + 21, name))
    for j, name in enumerate(columns):
        x = left + cell * j + 20
        turned = f'transform="translate({x},{top - 8}) rotate(-50)"'
        parts.append(f'<text class="tick" {turned}>{escape(name)}</text>')
    for (i, j), value in np.ndenumerate(grid):
        if not np.isfinite(value):
            continue
        share = (value - low) / (high - low) if high > low else 0.5
        label = escape(f"{rows[i]}, {columns[j]}: {pattern.format(value)}")
        x, y = left + cell * j, top + cell * i
        parts.append(
            f'<rect class="cell" x="{x}" y="{y}" width="{cell - 2}" height="{cell - 2}" rx="3" '
            f'fill-opacity="{0.06 + 0.9 * share:.3f}"><title>{label}</title></rect>'
        )
        ink = " strong" if share > 0.55 else ""
        number = pattern.format(value)
        parts.append(_text(f"in{ink}", x + 16, y + 20, number))
    return _svg(left + cell * len(columns) + 30, top + cell * len(rows) + 6, parts)


def scatter(points: ArrayLike, groups: Sequence[str], names: Sequence[str]) -> str:
    """Places [N, 2] of things with a group, which gives the colour, and a name, for hovering."""
    places = np.asarray(points, np.float64)
    width, height, edge = 620, 420, 24
    low, span = places.min(axis=0), np.ptp(places, axis=0) + 1e-12
    scaled = edge + (places - low) / span * (np.array([width, height]) - 2 * edge)
    known = list(dict.fromkeys(groups))
    parts = [f'<rect class="frame" x="0" y="0" width="{width}" height="{height}" rx="6"/>']
    for (x, y), group, name in zip(scaled, groups, names, strict=True):
        index = known.index(group)
        title = f"<title>{escape(name)}</title>"
        colour, shape = f"c{index % COLOURS + 1}", index // COLOURS
        if shape == 0:
            parts.append(
                f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="5">{title}</circle>'
            )
        else:
            spin = f"rotate({45 * (shape - 1)} {x:.1f} {y:.1f})"
            box = f'x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9" transform="{spin}"'
            parts.append(f'<rect class="{colour}" {box}>{title}</rect>')
    for group in known:
        centre = scaled[[g == group for g in groups]].mean(axis=0)
        parts.append(_text("tick mid", centre[0], centre[1] - 9, group))
    return _svg(width, height, parts)


def _padded(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or 0.1 * abs(high) or 0.1
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough)
    first = math.ceil(low / step)
    return [round(step * i, 10) for i in range(first, math.floor(high / step) + 1)]


def _grid_x(low: float, high: float, x: Callable[[float], float], bottom: float, unit: str) -> str:
    parts = []
    for value in _ticks(low, high):
        place = x(value)
        parts.append(_line("grid", place, 0, place, bottom))
        parts.append(_text("tick mid", place, bottom + 18, f"{value:g}{unit}"))
    return "".join(parts)


def _grid_y(low: float, high: float, left: int, width: int, top: int, height: int) -> list[str]:
    parts = []
    for value in _ticks(low, high):
        y = top + height * (1 - (value - low) / (high - low))
        parts.append(_line("grid", left, y, left + width, y))
        parts.append(_text("label", left - 8, y + 4, f"{value:g}"))
    return parts


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _points(x: Floats, y: Floats) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _legend(names: Sequence[str], truth: str = "") -> str:
    keys = [f'<span class="key true">{escape(truth)}</span>'] if truth else []
    keys += [
        f'<span class="key c{index % COLOURS + 1}">{escape(name)}</span>'
        for index, name in enumerate(names)
    ]
    return f'<div class="legend">{"".join(keys)}</div>'


def _svg(width: float, height: float, parts: Sequence[str], *, wide: bool = False) -> str:
    size = 'class="wide"' if wide else f'style="max-width:{width:.0f}px"'
    stretched = ' preserveAspectRatio="none"' if wide else ""
    box = f'viewBox="0 0 {width:.0f} {height:.0f}"'
    return f'<svg {box} {size}{stretched} role="img">{"".join(parts)}</svg>'
