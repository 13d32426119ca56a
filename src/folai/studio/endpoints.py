"""Endpoints of the server: each has a method, a path, what it takes and what it replies.

One list for the routes, for the checks of requests, and for `/api/openapi.json`.
"""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from folai import __version__
from folai.studio.failures import Cancelled, Conflict, Missing, Overloaded
from folai.studio.schema import Schema, check, text
from folai.studio.shapes import ERROR, ID
from folai.writing import one_line

BODY_BYTES = 64 << 20  # of a request that is JSON
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

FOREVER = {"cache-control": "private, max-age=31536000, immutable"}  # headers of what never changes
FILE_NAME: Schema = {**text(300, 1), "required": True}  # of a query

Reply = Response | dict[str, Any] | None


class TooLarge(Exception):
    """More bytes were sent than are allowed (413)."""


class DiskFull(Exception):
    """The disk has no room for it (507)."""


@dataclass
class Call:
    """One request, parsed and checked."""

    request: Request
    path: dict[str, str]
    query: dict[str, Any]
    body: Any = None

    @property
    def project(self) -> str:
        """The id of the project that the path names."""
        return self.path["project"]


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    answer: Callable[[Call], Reply] | Callable[[Call], Awaitable[Reply]]
    about: str
    status: int = 200
    body: Schema | None = None  # JSON; or None
    may_have: Schema | None = None  # JSON that `answer` reads itself where it is needed
    takes_file: bool = False  # the body is a file, which `answer` reads
    query: dict[str, Schema] = field(default_factory=dict)  # with "required": True where needed
    reply: Schema | str | None = None  # JSON, or a media type
    waits: bool = False  # `answer` is a coroutine function

    async def respond(self, request: Request) -> Response:
        """The reply, or the error as API.md describes it."""
        try:
            call = await self._read(request)
            if self.waits:
                reply = await self.answer(call)  # type: ignore[misc]
            else:
                reply = await run_in_threadpool(self.answer, call)
        except Exception as error:
            return refused(error)
        if isinstance(reply, Response):
            return reply
        if reply is None:
            return Response(status_code=204)
        return JSONResponse(reply, self.status)

    async def _read(self, request: Request) -> Call:
        path = {name: str(value) for name, value in request.path_params.items()}
        for name, value in path.items():
            if name != "file":
                try:
                    check(value, ID)
                except ValueError:
                    raise Missing(f"there is no {name} {value[:64]!r}") from None
        query = {}
        for name, schema in self.query.items():
            parameter = request.query_params.get(name)
            if parameter is not None:
                query[name] = _parsed(name, parameter, schema)
            elif "default" in schema:
                query[name] = schema["default"]
            elif schema.get("required"):
                raise BadRequest(f"{name} is missing: add ?{name}=")
        body = None
        if self.body is not None:
            body = await read_body(request, self.body)
        return Call(request, path, query, body)


class BadRequest(Exception):
    """A malformed request (400)."""


def _parsed(name: str, parameter: str, schema: Schema) -> Any:
    """A value of the query. Raises BadRequest unless it is what `schema` says."""
    kind = schema.get("type")
    try:
        value: Any = parameter
        if kind == "integer":
            value = int(parameter) if len(parameter) < 20 else None
        elif kind == "number":
            value = float(parameter)
            value = value if value == value else None  # NaN
        check(value, schema, name)
    except ValueError as error:
        raise BadRequest(f"{name} is {parameter[:40]!r}: give a {kind} ({error})") from error
    return value


async def read_body(request: Request, schema: Schema) -> Any:
    """The JSON that was sent; raises BadRequest unless it is what `schema` says."""
    body = await _read_json(request)
    try:
        check(body, schema)
    except (ValueError, RecursionError) as error:
        raise BadRequest(str(error)) from error
    return body


async def _read_json(request: Request) -> Any:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise TooLarge(f"the request is larger than {BODY_BYTES >> 20} MB: send less at once")
    try:
        return json.loads(bytes(body), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the request is not JSON: {one_line(error)[:200]}") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def refused(error: Exception) -> Response:
    """The reply to a request that failed: the error as a sentence, with its status."""
    statuses: list[tuple[type[Exception], int]] = [
        (BadRequest, 400),
        (Missing, 404),
        (Conflict, 409),
        (TooLarge, 413),
        (Overloaded, 503),
        (Cancelled, 503),
        (DiskFull, 507),
        (ClientDisconnect, 400),
        (ValueError, 422),
    ]
    facts = error.facts if isinstance(error, Conflict) else {}
    text = one_line(error)
    if isinstance(error, OSError):
        full = error.errno in DISK_FULL
        fix = "free some space, then try again" if full else "check that the disk can be written"
        text = f"nothing was written ({one_line(error)}): {fix}"
        return JSONResponse({"error": text}, 507 if full else 503)
    for kind, status in statuses:
        if isinstance(error, kind):
            return JSONResponse({"error": text[:4000], **facts}, status)
    logging.getLogger("folai.studio").error("a request failed", exc_info=error)
    return JSONResponse(
        {"error": f"internal error ({type(error).__name__}): see the log of folai studio"}, 500
    )


# Their description as OpenAPI


def described(endpoints: list[Endpoint]) -> dict[str, Any]:
    """The interface as OpenAPI 3.1."""
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        path = endpoint.path.replace(":path}", "}")
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "folai studio", "version": __version__},
        "paths": paths,
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    names = [part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")]
    parameters: list[dict[str, Any]] = []
    for name in names:
        schema = ID if name != "file" else {"type": "string", "minLength": 1, "maxLength": 200}
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    for name, schema in endpoint.query.items():
        plain = {key: value for key, value in schema.items() if key != "required"}
        needed = bool(schema.get("required"))
        parameters.append({"name": name, "in": "query", "required": needed, "schema": plain})
    operation: dict[str, Any] = {
        "summary": endpoint.about,
        "parameters": parameters,
        "responses": _responses(endpoint),
    }
    body = endpoint.body or endpoint.may_have
    if body is not None:
        content = {"application/json": {"schema": body}}
        operation["requestBody"] = {"required": endpoint.body is not None, "content": content}
    elif endpoint.takes_file:
        binary = {"type": "string", "format": "binary"}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": {"schema": binary}},
        }
    return operation


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    done: dict[str, Any] = {"description": "done"}
    if isinstance(endpoint.reply, str):
        done["content"] = {endpoint.reply: {"schema": {}}}
    elif endpoint.reply is not None:
        done["content"] = {"application/json": {"schema": endpoint.reply}}
    wrong = {
        "description": "what is wrong, and how to fix it",
        "content": {"application/json": {"schema": ERROR}},
    }
    refusals = {str(status): wrong for status in (400, 401, 403, 404, 409, 413, 422, 503, 507)}
    return {str(endpoint.status): done, **refusals}
