"""Sections -> one HTML file that needs nothing else: styles, scripts, pictures, sounds inside."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from folai import __version__
from folai.evaluate.foley.spectrograms import spectrogram_db
from folai.evaluate.report.sections import Chart, Gallery, Part, Player, Section, Table
from folai.writing import written_whole

Wav = NDArray[np.float32]

SHOWN_DB = 80.0  # below the loudest of a spectrogram
PICTURE = (360, 120)  # pixels of a spectrogram


def write_page(
    path: Path,
    title: str,
    about: str,
    sections: Sequence[Section],
    listening: dict[str, Any] | None = None,
) -> None:
    """One page at `path`; `listening` is the test that `evaluate.listening` makes."""
    with written_whole(path) as partial:
        partial.write_text(render_page(title, about, sections, listening), encoding="utf-8")


def render_page(
    title: str,
    about: str,
    sections: Sequence[Section],
    listening: dict[str, Any] | None = None,
) -> str:
    styles, script = _asset("report.css"), _asset("report.js")
    links = [f'<a href="#{s.key}">{escape(s.title)}</a>' for s in sections]
    body = [_section(section) for section in sections]
    if listening is not None:
        links.append('<a href="#listening">Listening test</a>')
        body.append(
            '<section id="listening"><h2>Listening test</h2><div id="test"></div></section>'
        )
        data = json.dumps(listening).replace("</", "<\\/")
        body.append(f'<script type="application/json" id="test-data">{data}</script>')
        script += _asset("listening.js")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{styles}</style></head><body>"
        f"<header><h1>{escape(title)}</h1><p>{escape(about)}</p></header><nav>{''.join(links)}</nav>"
        f"<main>{''.join(body)}</main><footer>folai {__version__}</footer>"
        f"<script>{script}</script></body></html>\n"
    )


def _section(section: Section) -> str:
    findings = "".join(f"<li>{escape(text)}</li>" for text in section.findings)
    return (
        f'<section id="{section.key}"><h2>{escape(section.title)}</h2>'
        f'<p class="question">{escape(section.question)}</p>'
        + (f'<ul class="findings">{findings}</ul>' if findings else "")
        + "".join(_part(part) for part in section.parts)
        + "</section>"
    )


def _part(part: Part) -> str:
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Gallery):
        inside = "".join(_part(piece) for piece in part.parts)
        note = f'<p class="note">{escape(part.note)}</p>' if part.note else ""
        kind = "players" if all(isinstance(p, Player) for p in part.parts) else "charts"
        title = f"<h3>{escape(part.title)}</h3>"
        return f'<div class="gallery">{title}{note}<div class="{kind}">{inside}</div></div>'
    if isinstance(part, Chart):
        return f"<figure>{part.svg}<figcaption>{escape(part.caption)}</figcaption></figure>"
    return _player(part)


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    inner = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    inner = f'<div class="scroll">{inner}</div>'
    if table.folded:
        return f"<details><summary>{escape(table.caption or 'Table')}</summary>{inner}</details>"
    caption = f'<p class="note">{escape(table.caption)}</p>' if table.caption else ""
    return f'<div class="table">{inner}{caption}</div>'


def _player(player: Player) -> str:
    caption = f"<figcaption>{escape(player.caption)}</figcaption>"
    picture = f'<img alt="spectrogram" src="{spectrogram_uri(player.wav)}">'
    source = sound_uri(player.wav, player.sample_rate)
    sound = f'<audio controls preload="none" src="{source}"></audio>'
    return f'<figure class="player">{caption}{picture}{player.chart}{sound}</figure>'


def sound_uri(wav: Wav, sample_rate: int) -> str:
    """FLAC, 16 bit: exact to the sample, and every browser plays it."""
    import soundfile

    file = io.BytesIO()
    samples = np.clip(wav, -1.0, 1.0)
    soundfile.write(file, samples, sample_rate, format="FLAC", subtype="PCM_16")
    return _uri("audio/flac", file.getvalue())


def spectrogram_uri(wav: Wav) -> str:
    """Of sound [T]: linear in frequency, 80 dB below its loudest are shown."""
    decibels = spectrogram_db(np.asarray(wav, np.float32))
    levels = np.clip((decibels - decibels.max()) / SHOWN_DB + 1, 0, 1)
    grey = cv2.resize((255 * levels[::-1]).astype(np.uint8), PICTURE, interpolation=cv2.INTER_AREA)
    done, coded = cv2.imencode(".jpg", cv2.applyColorMap(grey, cv2.COLORMAP_MAGMA))
    assert done
    return _uri("image/jpeg", coded.tobytes())


def picture_uri(image: NDArray[np.uint8], quality: int = 80) -> str:
    """Of a picture [H, W, 3], RGB."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return _uri("image/jpeg", coded.tobytes())


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _asset(name: str) -> str:
    return (resources.files("folai.evaluate.report") / "static" / name).read_text(encoding="utf-8")
