"""The studio on the network: Starlette and uvicorn around `studio.py`, behind `guard.py`."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from folai.diffusion.vocabulary import MAX_WORDS, WORDS
from folai.preview.materials import MATERIALS
from folai.studio.address import LOCAL, PORT
from folai.studio.api_additions import AdditionsApi
from folai.studio.api_envelopes import EnvelopesApi
from folai.studio.api_jobs import JobsApi
from folai.studio.api_library import LibraryApi
from folai.studio.api_pictures import PicturesApi
from folai.studio.api_projects import ProjectsApi
from folai.studio.api_sounds import SoundsApi
from folai.studio.api_spots import SpotsApi
from folai.studio.api_suggestions import SuggestionsApi
from folai.studio.endpoints import Call, Endpoint, Reply, described
from folai.studio.generation import warm_up
from folai.studio.guard import Guard, Session, allowed_hosts, stored_token
from folai.studio.guide.api_guide import GuideApi
from folai.studio.mix.api_mix import MixApi
from folai.studio.page_files import page_routes
from folai.studio.shapes import ENGINES, FINISH, ID, OPTIONS, STATUS
from folai.studio.studio import Studio, models_here

LOAD_AFTER = 1.5  # seconds after the start: the page comes first
APIS = (
    ProjectsApi, EnvelopesApi, PicturesApi, SoundsApi, LibraryApi, JobsApi, SpotsApi,
    GuideApi, MixApi, AdditionsApi, SuggestionsApi,
)  # fmt: skip


def make_app(studio: Studio, session: Session, hosts: Callable[[str], bool]) -> ASGIApp:
    """The application; `studio` is closed with it."""
    studio.opens_files = session.password is None
    general = _General(studio)
    apis = [general, *(api(studio) for api in APIS)]
    endpoints = [endpoint for api in apis for endpoint in api.endpoints()]
    general.description = described(endpoints)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        studio.events.begin()
        yield
        studio.events.end()
        studio.close()

    routes = [Route(e.path, e.respond, methods=[e.method]) for e in endpoints]
    app = Starlette(
        routes=[*routes, *page_routes()],
        lifespan=lifespan,
        exception_handlers={HTTPException: _explain},
    )
    return Guard(app, session, hosts)


async def _explain(request: Request, error: Exception) -> Response:
    """Errors of the routes, in the same shape as all others."""
    status = getattr(error, "status_code", 500)
    texts = {404: "there is nothing at this address", 405: "this cannot be done at this address"}
    headers = getattr(error, "headers", None)
    return JSONResponse({"error": texts.get(status, str(error))}, status, headers=headers)


class _General:
    """Endpoints that belong to no project."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.description: dict[str, Any] = {}

    def endpoints(self) -> list[Endpoint]:
        anything = {"type": "object"}
        return [
            Endpoint("GET", "/api/status", self.status, "Status", reply=STATUS),
            Endpoint(
                "GET", "/api/vocabulary", self.words, "Vocabulary and options", reply=anything
            ),
            Endpoint("GET", "/api/openapi.json", self.describe, "This description", reply=anything),
            Endpoint(
                "GET",
                "/api/events",
                self.listen,
                "Events as they happen",
                query={"project": ID},
                reply="text/event-stream",
                waits=True,
            ),
        ]

    def status(self, call: Call) -> Reply:
        return self.studio.status()

    def describe(self, call: Call) -> Reply:
        return self.description

    def words(self, call: Call) -> Reply:
        words = {
            kind: {word: list(others) for word, others in known.items()}
            for kind, known in WORDS.items()
        }
        return {
            "words": words,
            "materials": list(MATERIALS),
            "engines": list(ENGINES),
            "models": models_here(),
            "options": {**OPTIONS, **FINISH},
            "max_words": MAX_WORDS,
        }

    async def listen(self, call: Call) -> Reply:
        first = f"event: status\ndata: {json.dumps(self.studio.status())}\n\n"
        events = self.studio.events.listen(call.query.get("project"), first)
        return StreamingResponse(events, media_type="text/event-stream")


# Running it


def serve(
    studio: Studio,
    *,
    host: str = LOCAL,
    port: int = PORT,
    password: str | None = None,
    ready: Callable[[str], None] = lambda link: None,
) -> None:
    """Serve until interrupted. `ready` is called with the link once the server listens.

    Raises ValueError where others are admitted without a password, or the port is in use.
    """
    check_host(host, password)
    import uvicorn

    listening = _listen(host, port)
    port = listening.getsockname()[1]
    session = Session(stored_token(studio.store.root), password, port)
    app = make_app(studio, session, allowed_hosts(host))
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        limit_concurrency=400,
        timeout_keep_alive=30,
    )
    shown = host if host not in ("0.0.0.0", "::") else socket.gethostname()
    shown = f"[{shown}]" if ":" in shown else shown
    link = f"http://{shown}:{port}/" + ("" if password else f"?token={session.token}")

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            threading.Thread(target=ready, args=(link,), daemon=True).start()
            later = threading.Timer(LOAD_AFTER, _load, args=(studio,))
            later.daemon = True
            later.start()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            studio.events.end()  # first: each open page would hold the shutdown up
            await super().shutdown(sockets)

    Server(config).run(sockets=[listening])


def _load(studio: Studio) -> None:
    """Loads what takes seconds: the engine with PyTorch, and what the first preview needs."""
    warm_up()
    studio.generator.begin()


def check_host(host: str, password: str | None) -> None:
    """Raise ValueError where others would be admitted without a password."""
    if host not in (LOCAL, "localhost", "::1") and not password:
        raise ValueError(
            f"--host {host} lets others on the network in: give --password too. Everyone who knows "
            "it can see, change and export your projects; it travels unencrypted, so use it only "
            "on a network that you trust"
        )


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens; the next free port where the usual one is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in [port, 0] if port == PORT else [port]:
        # The protocol by its name: else asyncio leaves Nagle's algorithm on, 40 ms a reply.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, number))
            return listening
        except OSError as error:
            listening.close()
            if number == 0 or port != PORT:
                reason = error.strerror or error
                raise ValueError(
                    f"cannot listen on {host}:{port} ({reason}); choose another --port"
                ) from error
    raise AssertionError
