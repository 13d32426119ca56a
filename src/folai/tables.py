"""Tables that people write: CSV files whose first line names the columns."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file (UTF-8, as spreadsheets save it too), each with all of its columns.

    Raises ValueError where it is no text, lacks one of `columns`, or a row ends before one of them.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            named = reader.fieldnames or ()
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: is not a CSV file in UTF-8; save it as one") from error
    missing = ", ".join(column for column in columns if column not in named)
    if missing:
        raise ValueError(f"{path}: no column {missing}; name it in the first line")
    for number, row in enumerate(rows, start=1):
        if any(row[column] is None for column in columns):
            raise ValueError(f"{path}: row {number} is cut short; fill in {', '.join(columns)}")
    return rows
