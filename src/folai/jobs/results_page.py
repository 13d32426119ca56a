"""report.html: what became of the jobs, for people. One file, without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from folai import __version__
from folai.jobs.results import Row, file_at

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem;
  color: #1b1f24; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .6rem; vertical-align: top;
  border-bottom: 1px solid #d8dde3 }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.failed td { background: #fdecea } .note { color: #8a5a00 } .error { color: #a11 }
@media (prefers-color-scheme: dark) { body { color: #e6e9ed; background: #15181c }
  th, td { border-color: #333a42 } .failed td { background: #3a1d1d } .note { color: #e0b050 }
  .error { color: #ff8d85 } a { color: #8ab4ff } }
"""
COLUMNS = ("job", "clip", "result", "length, s", "onsets", "loudness, LUFS", "made by", "took, s")
NUMBERS = ("job", "length, s", "onsets", "loudness, LUFS", "took, s")


def write_page(place: str, summary: Sequence[str], rows: Iterable[Row]) -> None:
    """The page: the summary's lines, then a row for each job, written as they go by."""
    with file_at(place) as path, path.open("w", encoding="utf-8") as page:
        page.write(
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>folai batch</title><style>{STYLE}</style></head><body>"
            f"<h1>{escape(summary[0])}</h1>"
        )
        page.writelines(f"<p>{escape(line)}</p>\n" for line in summary[1:])
        heads = (f"<th{_class(name)}>{escape(name)}</th>" for name in COLUMNS)
        page.write(f"<table><thead><tr>{''.join(heads)}</tr></thead><tbody>\n")
        page.writelines(_row(row) for row in rows)
        page.write(f"</tbody></table><p>folai {escape(__version__)}</p></body></html>\n")


def _row(row: Row) -> str:
    cells = {
        "job": row["job"],
        "clip": escape(row["video"]),
        "result": _result(row),
        "length, s": _number(row["duration"], 2),
        "onsets": _number(row["num_onsets"], 0),
        "loudness, LUFS": _number(row["loudness"], 1),
        "made by": escape(" ".join(filter(None, (row["engine"], row["prompt"])))),
        "took, s": _number(row["seconds"], 1),
    }
    inside = "".join(f"<td{_class(name)}>{cells[name]}</td>" for name in COLUMNS)
    return f'<tr class="{row["status"]}">{inside}</tr>\n'


def _result(row: Row) -> str:
    if row["error"] is not None:
        return f'<span class="error">{escape(row["error"])}</span>'
    links = [f'<a href="{quote(name)}">{escape(name)}</a>' for name in row["outputs"]]
    notes = [f'<span class="note">{escape(text)}</span>' for text in row["warnings"]]
    return "<br>".join([*links, *notes])


def _class(name: str) -> str:
    return ' class="number"' if name in NUMBERS else ""


def _number(value: Any, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
