"""What a library holds, in numbers."""

from __future__ import annotations

import sqlite3
from typing import Any


def totals(connection: sqlite3.Connection) -> dict[str, Any]:
    """Numbers of recordings and events, hours, and what is missing or was passed over."""
    usable = "NOT is_missing AND problem IS NULL AND same_as IS NULL"
    recordings, seconds = connection.execute(
        f"SELECT count(*), coalesce(sum(seconds), 0) FROM files WHERE {usable}"
    ).fetchone()
    return {
        "recordings": recordings,
        "hours": round(seconds / 3600, 4),
        "events": connection.execute(
            f"SELECT count(*) FROM events WHERE file IN (SELECT id FROM files WHERE {usable})"
        ).fetchone()[0],
        "kinds": dict(connection.execute("SELECT kind, count(*) FROM events GROUP BY kind")),
        "missing": _count(connection, "is_missing"),
        "problems": _count(connection, "problem IS NOT NULL"),
    }


def _count(connection: sqlite3.Connection, condition: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM files WHERE {condition}").fetchone()
    return int(row[0])
