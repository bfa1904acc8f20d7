"""Calls a WSGI or ASGI application in this process, without a server or a test client's weight.

What is measured is the application and its framework: a request is an environ (or scope) made
beforehand, copied, and handed over; the body comes back as bytes. Anything but the expected status
raises, so a broken application cannot look fast.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Step = Callable[[], bytes]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str = ""
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 200

    @staticmethod
    def sending_json(method: str, path: str, value: object, status: int = 200) -> Request:
        return Request(method, path, "", json.dumps(value).encode(), "application/json", (), status)


@dataclass
class Load:
    """What a load module's `make()` returns: steps to repeat, and what to leave out of the output check."""

    steps: Sequence[Step]
    volatile: tuple[str, ...] = ()
    requests: Sequence[Request] = ()
    _patterns: list[re.Pattern[bytes]] = field(default_factory=list)

    def normalise(self, body: bytes) -> bytes:
        if not self._patterns:
            self._patterns = [re.compile(pattern.encode()) for pattern in self.volatile]
        for pattern in self._patterns:
            body = pattern.sub(b"", body)
        return body


def wsgi_environ(request: Request) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT": "text/html,application/json;q=0.9,*/*;q=0.8",
        "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.7",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if request.content_type:
        environ["CONTENT_TYPE"] = request.content_type
    if request.body:
        environ["CONTENT_LENGTH"] = str(len(request.body))
    for name, value in request.headers:
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


def wsgi_call(
    app: Callable[..., Iterable[bytes]], request: Request
) -> tuple[str, list[tuple[str, str]], bytes]:
    """One request, with status and headers, for setting a load up (logging in and so on)."""
    got: list[Any] = []
    environ = wsgi_environ(request)
    environ["wsgi.input"] = io.BytesIO(request.body)
    answer = app(environ, lambda status, headers, _error=None: got.append((status, headers)))
    body = b"".join(answer)
    close = getattr(answer, "close", None)
    if close is not None:
        close()
    status, headers = got[0]
    return status, headers, body


def wsgi_step(app: Callable[..., Iterable[bytes]], request: Request) -> Step:
    template = wsgi_environ(request)
    sent = request.body
    expected = str(request.status)

    def step() -> bytes:
        environ = dict(template)
        environ["wsgi.input"] = io.BytesIO(sent)
        status = ""

        def start_response(line: str, headers: list[tuple[str, str]], _error: object = None) -> None:
            nonlocal status
            status = line

        answer = app(environ, start_response)
        body = b"".join(answer)
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        if not status.startswith(expected):
            raise AssertionError(f"{request.method} {request.path}: {status}\n{body[:2000]!r}")
        return body

    return step


def asgi_step(app: Callable[..., Awaitable[None]], request: Request, loop: asyncio.AbstractEventLoop) -> Step:
    headers = [(b"host", b"localhost"), (b"accept", b"*/*"), (b"user-agent", b"Mozilla/5.0 Firefox/140.0")]
    if request.content_type:
        headers.append((b"content-type", request.content_type.encode()))
    if request.body:
        headers.append((b"content-length", str(len(request.body)).encode()))
    headers += [(name.lower().encode(), value.encode()) for name, value in request.headers]
    template: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
    }
    message = {"type": "http.request", "body": request.body, "more_body": False}

    async def call() -> bytes:
        scope = dict(template)
        scope["headers"] = list(headers)
        scope["state"] = {}
        status = 0
        chunks: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return message

        async def send(event: dict[str, Any]) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = event["status"]
            else:
                chunks.append(event.get("body", b""))

        await app(scope, receive, send)
        body = b"".join(chunks)
        if status != request.status:
            raise AssertionError(f"{request.method} {request.path}: {status}\n{body[:2000]!r}")
        return body

    return lambda: loop.run_until_complete(call())


def wsgi_load(
    app: Callable[..., Iterable[bytes]], requests: Sequence[Request], volatile: tuple[str, ...] = ()
) -> Load:
    return Load([wsgi_step(app, request) for request in requests], volatile, requests)


def asgi_load(
    app: Callable[..., Awaitable[None]], requests: Sequence[Request], volatile: tuple[str, ...] = ()
) -> Load:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return Load([asgi_step(app, request, loop) for request in requests], volatile, requests)
