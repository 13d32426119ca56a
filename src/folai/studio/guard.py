"""Who is admitted: the right host, the right origin, the right session; and what a page may do.

- Host: one of our own names. A page elsewhere whose name was pointed at this machine sends its own
  name (DNS rebinding).
- Origin: requests that change something come from our own page. The cookie is not enough: pages of
  other servers on this machine share it.
- Session: the visitor once sent the token of the printed link, or the password.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
import socket
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self' blob:; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self' blob:; "
    "font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
}
READING = ("GET", "HEAD", "OPTIONS")
WAIT = 1.0  # seconds before a wrong password is refused


class Session:
    """The secret that admits a visitor: a token, or a password."""

    def __init__(self, token: str, password: str | None = None, port: int = 0) -> None:
        self.token, self.password = token, password
        self.cookie_name = f"folai-studio-{port}"  # a cookie is the machine's, not the port's
        secret = f"{token} {password}".encode()
        self.cookie = hmac.new(secret, b"cookie", hashlib.sha256).hexdigest()

    def holds(self, request: Request) -> bool:
        return _same(request.cookies.get(self.cookie_name, ""), self.cookie)

    def admit(self, response: Response) -> Response:
        response.set_cookie(
            self.cookie_name, self.cookie, httponly=True, samesite="strict", path="/"
        )
        return response


def stored_token(root: Path) -> str:
    """The token of this folder of projects: link and page stay valid when the server restarts."""
    path = root / ".token"
    try:
        token = path.read_text().strip()
        if len(token) >= 32:
            return token
    except OSError:
        pass
    token = secrets.token_urlsafe(32)
    path.touch(mode=0o600)
    path.write_text(token)
    return token


class Guard:
    """Checks each request before the application sees it."""

    def __init__(self, app: ASGIApp, session: Session, hosts: Callable[[str], bool]) -> None:
        self.app, self.session, self.hosts = app, session, hosts
        self._trying = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        request = Request(scope, receive)
        refusal = self._refusal(request)
        if refusal is None:
            refusal = await self._at_the_door(request)
        await (refusal or self.app)(scope, receive, send_guarded)

    def _refusal(self, request: Request) -> Response | None:
        headers = request.headers
        host = headers.get("host", "")
        if not self.hosts(_name_of(host)):
            return _refused(
                403, f"the host {host[:100]!r} is not this studio: open the link that folai printed"
            )
        if request.method not in READING:
            origin = headers.get("origin")
            if origin is not None and origin.split("://", 1)[-1] != host:
                return _refused(403, "this request came from another page: use the studio's own")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            if request.method not in READING or not _is_navigation(headers):
                return _refused(403, "this request came from another page: use the studio's own")
        return None

    async def _at_the_door(self, request: Request) -> Response | None:
        path = request.url.path
        session = self.session
        if path == "/login" and session.password is not None:
            return await self._login(request, session.password)
        token = request.query_params.get("token")
        if path == "/" and token is not None and session.password is None:
            if _same(token, session.token):
                # Not a redirect: after a link on another page, the browser would hold the cookie
                # back on the whole chain of redirects.
                return session.admit(_onward())
            return _page(
                403, "This link belongs to another studio. Open the one that folai printed."
            )
        if session.holds(request):
            return None
        if path.startswith("/api/"):
            return _refused(401, "the session is over: open the link that folai printed again")
        if session.password is not None:
            return _login_page(401, "")
        return _page(401, "Open the link that folai printed where it was started.")

    async def _login(self, request: Request, password: str) -> Response:
        if request.method != "POST":
            return _login_page(200, "")
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > 4096:
                return _login_page(413, "That is too long.")
        password_sent = parse_qs(body.decode(errors="replace")).get("password", [""])[0]
        async with self._trying:  # one at a time, so that guessing in parallel gains nothing
            if _same(password_sent, password):
                return self.session.admit(_onward())
            await asyncio.sleep(WAIT)
        return _login_page(403, "That is not the password.")


def allowed_hosts(host: str) -> Callable[[str], bool]:
    """A function that tells whether the name in a Host header is ours.

    Where others are admitted, any address is: a page elsewhere can only have a name.
    """
    names = {"127.0.0.1", "localhost", "::1"}
    if host in names:
        return lambda name: name in names
    names |= {host, socket.gethostname().lower(), f"{socket.gethostname().lower()}.local"}
    return lambda name: name in names or _is_address(name)


def _name_of(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host[1:].split("]")[0].lower()
    return host.rsplit(":", 1)[0].lower() if host.count(":") == 1 else host.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_navigation(headers: Headers) -> bool:
    """Whether somebody followed a link to the page itself."""
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") in (
        "document",
        None,
    )


def _same(sent: str, secret: str) -> bool:
    """Compares in constant time."""
    return hmac.compare_digest(sent.encode(errors="replace"), secret.encode())


def _refused(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)


def _html(status: int, parts: Iterable[str], head: str = "") -> HTMLResponse:
    body = "".join(parts)
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8>{head}<title>folai studio</title>"
        f"<meta name=viewport content='width=device-width'><main>{body}</main></html>",
        status,
    )


def _page(status: int, text: str) -> Response:
    return _html(status, ["<h1>folai studio</h1><p>", escape(text)])


def _onward() -> Response:
    head = "<meta http-equiv=refresh content='0;url=/'>"
    return _html(200, ["<p><a href='/'>To the studio</a>"], head)


def _login_page(status: int, text: str) -> Response:
    form = (
        "<form method=post action=/login><label>Password "
        "<input type=password name=password autofocus autocomplete=current-password></label> "
        "<button>Open</button></form>"
    )
    return _html(status, ["<h1>folai studio</h1>", f"<p role=alert>{escape(text)}</p>", form])
