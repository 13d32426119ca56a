"""What the picture suggests where nothing is chosen, and what the library has for it."""

from __future__ import annotations

import logging
import threading
from typing import Any

from folai.library.index import default_library, opened_library
from folai.library.search import Searcher
from folai.studio.api_library import shown
from folai.studio.endpoints import Call, Endpoint, Reply
from folai.studio.failures import Overloaded
from folai.studio.media_client import run_child
from folai.studio.project import Project
from folai.studio.schema import BOOLEAN, a_list, an_object, number, text
from folai.studio.studio import Studio
from folai.suggest.guess import moments
from folai.suggest.seeing import can_see

SUGGESTION = an_object(
    "material prompt probability hits",
    material=text(60),
    prompt=text(60),
    probability=number(0, 1),
    hits={"type": "array"},
)
MOST_KEPT = 100  # predictions of which it is kept in memory what the clips suggest
NO_EXTRA = "The picture can suggest sounds, too: pip install 'folai[suggest]', then start again."

_log = logging.getLogger(__name__)


class SuggestionsApi:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._lock = threading.Lock()
        self._seen: dict[str, list[dict[str, Any]] | None] = {}  # None: being looked at

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                "GET",
                "/api/projects/{project}/suggestions",
                self.suggest,
                "Sounds that the picture suggests",
                reply=an_object(
                    "suggestions message waiting",
                    suggestions=a_list(SUGGESTION, 3),
                    message=text(200),
                    waiting=BOOLEAN,
                ),
            )
        ]

    def suggest(self, call: Call) -> Reply:
        """What was seen; nothing yet where the clip is still looked at: an event tells the end."""
        project = self.studio.open(call.project)
        prediction = project["prediction"]
        if not can_see():
            return {"suggestions": [], "message": NO_EXTRA, "waiting": False}
        if prediction is None:
            return {"suggestions": [], "message": "", "waiting": False}
        guesses = self._guesses(project, prediction)
        found = _with_hits(guesses or [])
        return {"suggestions": found, "message": "", "waiting": guesses is None}

    def _guesses(self, project: Project, prediction: str) -> list[dict[str, Any]] | None:
        """None until the clip was looked at, which begins with the first question."""
        key = f"{project.id}/{prediction}"
        with self._lock:
            if key in self._seen:
                return self._seen[key]
            while len(self._seen) >= MOST_KEPT:
                self._seen.pop(next(iter(self._seen)))
            self._seen[key] = None
        # A request that waited for it would hold the server's end up.
        work = threading.Thread(target=self._look, args=(key, project, prediction), daemon=True)
        work.start()
        return None

    def _look(self, key: str, project: Project, prediction: str) -> None:
        try:
            guesses = look(project, prediction)
        except (ValueError, Overloaded) as error:  # nobody asked: the page shows nothing
            _log.info("nothing is suggested for %s: %s", project.id, error)
            guesses = []
        with self._lock:
            self._seen[key] = guesses
        self.studio.tell(project, "suggestions")


def look(project: Project, prediction: str) -> list[dict[str, Any]]:
    """In a process of its own, as everything that decodes files from outside."""
    onsets = project.envelope(prediction).onsets.tolist()
    looked_at = moments(onsets, project.duration) if onsets else []  # few: they are an argument
    guesses, _ = run_child(
        "suggest",
        {"path": str(project.clip_path), "onsets": looked_at},
        names={project.clip_path: project["clip"]["file"]},
        patience=300.0,
    )
    return list(guesses)


def _with_hits(guesses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each guess with the recordings that the user's library has for it."""
    if not default_library().is_file():
        return [{**guess, "hits": []} for guess in guesses]
    with opened_library(None) as connection:
        searcher = Searcher(connection)
        return [
            {**guess, "hits": [shown(hit) for hit in searcher.best_by_words(guess["prompt"])]}
            for guess in guesses
        ]
