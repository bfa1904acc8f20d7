"""An aiohttp application behind its server's protocol, without a socket: HTTP, routes, middleware, JSON, nested awaits.

A request comes in as bytes over a connection that is kept alive, as from a client. (aiohttp's mocked requests spare
that, but each makes classes, as mocks do: three quarters of the time went there.)
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from aiohttp import web
from calling import Load, Step

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
STORE = web.AppKey("store", dict)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except KeyError as error:
        return web.json_response({"missing": str(error)}, status=404)


@web.middleware
async def headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    response.headers["X-Relay"] = request.path
    return response


async def fetch(store: dict[str, object], key: str, depth: int) -> object:
    if depth:
        return await fetch(store, key, depth - 1)
    return store[key]


async def item(request: web.Request) -> web.StreamResponse:
    return web.json_response({"value": await fetch(request.app[STORE], request.match_info["key"], 3)})


async def items(request: web.Request) -> web.StreamResponse:
    store = request.app[STORE]
    keys = [key for key in store if key.endswith(request.query.get("end", ""))]
    queue: asyncio.Queue[str] = asyncio.Queue()
    for key in keys:
        queue.put_nowait(key)
    values = [await fetch(store, await queue.get(), 1) for _ in keys]
    return web.json_response(dict(zip(keys, values)))


async def gathered(request: web.Request) -> web.StreamResponse:
    store = request.app[STORE]
    values = await asyncio.gather(*(fetch(store, f"key{n}", 2) for n in range(10)))
    return web.json_response(values)


def application() -> web.Application:
    app = web.Application(middlewares=[errors, headers])
    app[STORE] = {f"key{n}": {"n": n, "list": list(range(n % 9))} for n in range(50)}
    app.router.add_get("/item/{key}", item)
    app.router.add_get("/items", items)
    app.router.add_get("/gathered", gathered)
    return app


class Connection(asyncio.Transport):
    """Takes what the server writes; `answer` gets each whole response."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 4321)})
        self.received = b""
        self.answer: asyncio.Future[bytes]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if end and len(body) == int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]):
            self.answer.set_result(self.received)
            self.received = b""

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        raise AssertionError("the server gives the connection up")


def make() -> Load:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    runner = web.AppRunner(application(), access_log=None)
    loop.run_until_complete(runner.setup())
    server = runner.server
    assert server is not None
    connection = Connection()

    async def connect() -> asyncio.Protocol:
        protocol = server()  # it belongs to the loop that runs
        protocol.connection_made(connection)
        return protocol

    protocol = loop.run_until_complete(connect())

    def step(path: str, expected: int) -> Step:
        request = (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n".encode()
        )

        async def call() -> bytes:
            connection.answer = loop.create_future()
            protocol.data_received(request)
            answer = await connection.answer
            assert re.match(rb"HTTP/1.1 %d " % expected, answer), answer
            return answer

        return lambda: loop.run_until_complete(call())

    return Load(
        [step("/item/key7", 200), step("/items?end=3", 200), step("/gathered", 200), step("/item/none", 404)],
        volatile=(r"Date: [^\r]*", r"Server: [^\r]*"),
    )
