"""Notes served by Starlette: routing, middleware, Jinja2 pages, JSON and a sync endpoint's thread left out."""
# ruff: noqa: E501

from __future__ import annotations

from calling import Load, Request, asgi_load
from jinja2 import DictLoader, Environment
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.templating import Jinja2Templates

PAGE = """<title>{{ title }}</title><ul>{% for note in notes %}
<li><a href="{{ url_for('notes:show', number=note.number) }}">{{ note.title }}</a> {{ note.words }} words</li>{% endfor %}</ul>"""
templates = Jinja2Templates(env=Environment(loader=DictLoader({"list.html": PAGE}), autoescape=True))


class Note:
    def __init__(self, number: int) -> None:
        self.number = number
        self.title = f"Note <{number}>"
        self.text = f"Text of note {number}. " * (number % 7 + 1)

    @property
    def words(self) -> int:
        return len(self.text.split())

    def as_json(self) -> dict[str, object]:
        return {"number": self.number, "title": self.title, "text": self.text, "words": self.words}


NOTES = {number: Note(number) for number in range(60)}


class AddHeader(BaseHTTPMiddleware):
    async def dispatch(self, request: HttpRequest, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["x-notes"] = str(len(NOTES))
        return response


async def index(request: HttpRequest) -> Response:
    return templates.TemplateResponse(
        request, "list.html", {"title": "Notes", "notes": list(NOTES.values())[:25]}
    )


async def show(request: HttpRequest) -> Response:
    note = NOTES.get(request.path_params["number"])
    if note is None:
        raise HTTPException(404, "no such note")
    return JSONResponse(note.as_json())


async def search(request: HttpRequest) -> Response:
    word = request.query_params.get("q", "")
    return JSONResponse([note.as_json() for note in NOTES.values() if word in note.title])


async def change(request: HttpRequest) -> Response:
    form = await request.json()
    note = NOTES[request.path_params["number"]]
    note.title = str(form["title"])
    return RedirectResponse(request.url_for("notes:show", number=note.number), 303)


async def stream(request: HttpRequest) -> Response:
    async def lines() -> object:
        for note in NOTES.values():
            yield f"{note.number}\t{note.title}\n"

    return StreamingResponse(lines(), media_type="text/plain")  # type: ignore[arg-type]


notes = [
    Route("/", index, name="index"),
    Route("/search", search, name="search"),
    Route("/stream", stream, name="stream"),
    Route("/{number:int}", show, name="show"),
    Route("/{number:int}", change, methods=["PUT"], name="change"),
]
app = Starlette(
    routes=[Mount("/notes", routes=notes, name="notes")],
    middleware=[
        Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"]),
        Middleware(GZipMiddleware, minimum_size=100_000),
        Middleware(AddHeader),
    ],
)


def requests() -> list[Request]:
    return [
        Request("GET", "/notes/"),
        Request("GET", "/notes/17"),
        Request("GET", "/notes/search", "q=4"),
        Request("GET", "/notes/stream"),
        Request.sending_json("PUT", "/notes/5", {"title": "Note <5>"}, 303),
        Request("GET", "/notes/777", status=404),
        Request("GET", "/nowhere", status=404),
    ]


def make() -> Load:
    return asgi_load(app, requests())
