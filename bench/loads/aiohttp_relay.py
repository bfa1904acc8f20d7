"""An aiohttp application called without a socket: routes, middleware, JSON, nested awaits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
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


def make() -> Load:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = application()
    app.freeze()
    loop.run_until_complete(app.startup())

    def step(path: str, expected: int) -> Step:
        async def call() -> bytes:
            response = await app._handle(make_mocked_request("GET", path, {"Accept": "*/*"}, app=app))
            assert isinstance(response, web.Response) and response.status == expected, path
            assert isinstance(response.body, bytes)
            return json.dumps(dict(response.headers)).encode() + response.body

        return lambda: loop.run_until_complete(call())

    return Load(
        [step("/item/key7", 200), step("/items?end=3", 200), step("/gathered", 200), step("/item/none", 404)]
    )
