"""Sounds as pictures: spectrograms of the same clip by several systems, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai.envelope.plot import INK, check_plot, pyplot
from folai.metrics.log_mel import SAMPLE_RATE, power_spectra
from folai.writing import make_folder, written_whole

N_FFT, HOP_LENGTH = 1024, 256
SHOWN_DB = 80.0  # below the loudest of the row
NAME = "spectrograms.png"


def check_folder(folder: Path) -> None:
    """Raise, before any work, unless the figure can be drawn and saved in `folder`."""
    make_folder(folder)
    check_plot(folder / NAME)


def draw_spectrograms(
    clips: Sequence[tuple[str, Mapping[str, NDArray[np.float32]]]], folder: Path
) -> Path:
    """A row a clip, (name, {system: sound [T] at 44.1 kHz}), a column a system."""
    plt = pyplot()
    columns = list(clips[0][1])
    figure, axes = plt.subplots(
        len(clips),
        len(columns),
        figsize=(4.2 * len(columns), 1.7 * len(clips) + 0.4),
        sharex="row",
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    try:
        for row, (name, sounds) in zip(axes, clips, strict=True):
            for axis, system in zip(row, columns, strict=True):
                _draw(axis, sounds[system])
            row[0].set_ylabel("kHz", fontsize=8)
            row[-1].annotate(
                name, (1.02, 0.5), xycoords="axes fraction", rotation=90, va="center", fontsize=6
            )
        for axis, system in zip(axes[0], columns, strict=True):
            axis.set_title(system, loc="left", color=INK, fontsize=11)
        path = folder / NAME
        with written_whole(path) as partial:
            figure.savefig(partial, dpi=110)
    finally:
        plt.close(figure)
    return path


def _draw(axis: object, wav: NDArray[np.float32]) -> None:
    decibels = spectrogram_db(wav)
    extent = (0, len(wav) / SAMPLE_RATE, 0, SAMPLE_RATE / 2000)
    axis.imshow(  # type: ignore[attr-defined]
        decibels,
        origin="lower",
        aspect="auto",
        extent=extent,
        vmin=decibels.max() - SHOWN_DB,
        vmax=decibels.max(),
        cmap="magma",
    )
    axis.tick_params(labelsize=7)  # type: ignore[attr-defined]


def spectrogram_db(wav: NDArray[np.float32]) -> NDArray[np.float64]:
    """[N_FFT // 2 + 1, frames] in dB, frame i centred at 256 i."""
    return np.asarray(10 * np.log10(power_spectra(wav, N_FFT, HOP_LENGTH).T + 1e-9))
