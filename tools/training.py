"""A mixed load of the standard library alone, whose profile the C compiler lays the runtime out by.

    python tools/training.py SECONDS

goes round requests, parsers, printers, templates, queries and coroutines for so long. It stands for what programs do
with classes, closures, generators, exceptions and containers, and needs nothing installed: it runs in the middle of the
build.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import configparser
import contextlib
import copy
import csv
import dataclasses
import difflib
import email
import email.message
import enum
import fractions
import functools
import html
import html.parser
import http.cookies
import inspect
import io
import itertools
import json
import json.decoder
import json.encoder
import json.scanner
import logging
import operator
import pickle
import pprint
import re
import shlex
import sqlite3
import statistics
import string
import sys
import textwrap
import time
import tokenize
import typing
import unittest
import unittest.mock
import urllib.parse
import wsgiref.handlers
import wsgiref.headers
import wsgiref.util
import xml.dom.minidom
import xml.etree.ElementTree as ElementTree
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict, namedtuple
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import PurePosixPath

# --- a web application ---------------------------------------------------------------------------------------------


class Field:
    """A descriptor that checks, as an object-relational mapper's does."""

    def __init__(self, kind: type, default: object = None, **options: object) -> None:
        self.kind, self.default, self.options = kind, default, options

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Model | None, owner: type) -> typing.Any:
        if instance is None:
            return self
        try:
            return instance.values[self.name]
        except KeyError:
            return self.default

    def __set__(self, instance: Model, value: object) -> None:
        if value is not None and not isinstance(value, self.kind):
            raise TypeError(f"{self.name} is {value!r}, no {self.kind.__name__}")
        instance.values[self.name] = value
        instance.changed.add(self.name)


class ModelType(type):
    def __new__(
        mcs, name: str, bases: tuple[type, ...], space: dict[str, object], **options: object
    ) -> ModelType:
        made = super().__new__(mcs, name, bases, space, **options)
        made.fields = {key: value for key, value in space.items() if isinstance(value, Field)}
        return made

    fields: dict[str, Field]


class Model(metaclass=ModelType):
    def __init__(self, **values: object) -> None:
        self.values: dict[str, object] = {}
        self.changed: set[str] = set()
        for name, value in values.items():
            if name not in type(self).fields:
                raise TypeError(f"no field {name}")
            setattr(self, name, value)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.values == other.values

    def __hash__(self) -> int:
        return hash((type(self), self.values.get("id")))

    def __getattr__(self, name: str) -> object:
        if name.startswith("has_"):
            return self.values.get(name[4:]) is not None
        raise AttributeError(name)


class Author(Model):
    id = Field(int)
    name = Field(str, "")


class Book(Model):
    id = Field(int)
    title = Field(str, "", max_length=80)
    price = Field(float, 0.0)
    author = Field(Author)

    @property
    def label(self) -> str:
        return f"{self.title} by {self.author.name}" if self.has_author else self.title

    @functools.cached_property
    def slug(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


class Status(enum.Enum):
    OK = 200
    MISSING = 404
    WRONG = 400

    @property
    def line(self) -> str:
        return f"{self.value} {self.name.title()}"


class Rights(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Request:
    __slots__ = ("__dict__", "cookies", "environ", "path")

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self.path = environ["PATH_INFO"]
        self.cookies = http.cookies.SimpleCookie(environ.get("HTTP_COOKIE", ""))

    @functools.cached_property
    def query(self) -> dict[str, list[str]]:
        return urllib.parse.parse_qs(self.environ.get("QUERY_STRING", ""))

    def number(self, name: str, default: int = 0, *, least: int = 0) -> int:
        try:
            return max(least, int(self.query[name][0]))
        except (KeyError, ValueError):
            return default


class Response(Exception):
    def __init__(self, body: str, status: Status = Status.OK, **headers: str) -> None:
        super().__init__(status)
        self.body, self.status = body, status
        self.headers = wsgiref.headers.Headers([("Content-Type", "text/html")])
        for name, value in headers.items():
            self.headers[name.replace("_", "-")] = value


Handler = Callable[..., Response]


class Application:
    """Routes by pattern, middleware by wrapping, signals by lists of callables."""

    def __init__(self) -> None:
        self.routes: list[tuple[re.Pattern[str], Handler]] = []
        self.listeners: defaultdict[str, list[Callable[..., None]]] = defaultdict(list)
        self.times: Counter[str] = Counter()

    def route(self, pattern: str, **options: object) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            @functools.wraps(handler)
            def checked(*args: typing.Any, **kwargs: typing.Any) -> Response:
                with self.timed(handler.__name__):
                    return handler(*args, **kwargs)

            self.routes.append((re.compile(pattern + "$"), checked))
            return checked

        return add

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        self.times[name] += 1
        try:
            yield
        finally:
            for listener in self.listeners["done"]:
                listener(name, times=self.times)

    def find(self, path: str) -> tuple[Handler, dict[str, str]]:
        for pattern, handler in self.routes:
            if match := pattern.match(path):
                return handler, match.groupdict()
        raise Response("not there", Status.MISSING)

    def __call__(self, environ: dict[str, str], start_response: Callable[..., object]) -> list[bytes]:
        request = Request(environ)
        try:
            handler, arguments = self.find(request.path)
            response = handler(request, **arguments)
        except Response as raised:
            response = raised
        start_response(response.status.line, response.headers.items())
        return [response.body.encode()]


application = Application()
application.listeners["done"].append(lambda name, times, **rest: None)
PAGE = string.Template("<html><title>$title</title><ul>$items</ul>$footer</html>")


class Store:
    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.row_factory = sqlite3.Row
        self.connection.execute(
            "create table book (id integer primary key, title text, price real, author integer)"
        )
        self.connection.execute("create table author (id integer primary key, name text)")
        for number in range(40):
            self.connection.execute("insert into author values (?, ?)", (number, f"Author {number}"))
            row = (number, f"Title & {number}", number * 1.5, number % 7)
            self.connection.execute("insert into book values (?, ?, ?, ?)", row)

    def authors(self) -> dict[int, Author]:
        rows = self.connection.execute("select * from author")
        return {row["id"]: Author(**dict(row)) for row in rows}

    def books(self, *, first: int, count: int, cheapest: float | None = None) -> Iterator[Book]:
        query, arguments = "select * from book", []
        if cheapest is not None:
            query += " where price >= ?"
            arguments.append(cheapest)
        authors = self.authors()
        for row in self.connection.execute(f"{query} limit ? offset ?", (*arguments, count, first)):
            values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row iterates over its values
            yield Book(**values | {"author": authors.get(values["author"])})


store = Store()


@application.route(r"/books")
def list_books(request: Request) -> Response:
    first = request.number("first", least=0)
    found = sorted(store.books(first=first, count=12), key=operator.attrgetter("price"), reverse=True)
    items = "".join(
        f"<li class={book.slug}>{html.escape(book.label)} {book.price:.2f}</li>" for book in found
    )
    return Response(
        PAGE.safe_substitute(title="Books", items=items, footer=len(found)), X_Count=str(len(found))
    )


@application.route(r"/books/(?P<number>\d+)\.json")
def one_book(request: Request, number: str) -> Response:
    for book in store.books(first=int(number), count=1, cheapest=0.0):
        described = {name: getattr(book, name, None) for name in ("id", "title", "price", "label", "slug")}
        described["author"] = book.author.values if hasattr(book.author, "values") else None
        return Response(json.dumps(described, default=str, sort_keys=True), Content_Type="application/json")
    raise Response(f"no book {number}", Status.MISSING)


@application.route(r"/login/(?P<name>\w+)")
def log_in(request: Request, name: str) -> Response:
    visits = int(request.cookies["visits"].value) if "visits" in request.cookies else 0
    cookie: http.cookies.SimpleCookie = http.cookies.SimpleCookie()
    cookie["visits"] = str(visits + 1)
    rights = Rights.READ | Rights.WRITE if name == "admin" else Rights.READ
    if Rights.WRITE not in rights and visits > 2:
        raise Response("too often", Status.WRONG)
    return Response(f"{name} may {rights.name}", Set_Cookie=cookie["visits"].OutputString())


def serve(path: str, query: str = "", cookie: str = "") -> bytes:
    environ = {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_COOKIE": cookie, "REQUEST_METHOD": "GET"}
    wsgiref.util.setup_testing_defaults(environ)
    output = io.BytesIO()
    handler = wsgiref.handlers.SimpleHandler(io.BytesIO(), output, io.StringIO(), environ, multithread=False)
    handler.run(application)
    return output.getvalue()


def requests() -> None:
    serve("/books")
    serve("/books", "first=20&order=price")
    for number in (3, 17, 90):
        serve(f"/books/{number}.json")
    for name, visits in (("admin", 1), ("guest", 2), ("guest", 5)):
        serve(f"/login/{name}", cookie=f"visits={visits}; theme=dark")
    serve("/nowhere")


# --- libraries -----------------------------------------------------------------------------------------------------

SOURCE = inspect.getsource(sys.modules[__name__])
BOOKS = [{"id": n, "title": f"Title {n}", "tags": ["a", "b"], "price": n / 3} for n in range(12)]
DOCUMENT = {"books": BOOKS, "next": None}
TEXT = json.dumps(DOCUMENT)


class Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@dataclasses.dataclass(order=True)
class Point:
    x: float
    y: float = 0.0
    tags: list[str] = dataclasses.field(default_factory=list, compare=False)

    def __add__(self, other: Point) -> Point:
        return dataclasses.replace(self, x=self.x + other.x, y=self.y + other.y)


Row = namedtuple("Row", "name number")


@functools.singledispatch
def describe(value: object) -> str:
    return repr(value)


@describe.register(list)
def _(value: list[object]) -> str:
    return "[" + ", ".join(map(describe, value)) + "]"


@describe.register(dict)
def _(value: dict[str, object]) -> str:
    return "{" + ", ".join(f"{describe(k)}: {describe(v)}" for k, v in sorted(value.items())) + "}"


def texts() -> None:
    # The parts of json that are written in Python, which its C parts usually stand in for.
    library: typing.Any = json
    decoder: typing.Any = json.JSONDecoder()
    decoder.scan_once = library.scanner.py_make_scanner(decoder)
    decoder.parse_object = library.decoder.JSONObject
    parsed = decoder.decode(TEXT)
    quote = library.encoder.py_encode_basestring
    encode = library.encoder._make_iterencode(
        None, json.JSONEncoder().default, quote, None, float.__repr__, ": ", ", ", True, False, False
    )
    "".join(encode(parsed, 0))
    describe(parsed)
    links = Links()
    links.feed(serve("/books").decode())
    ElementTree.tostring(ElementTree.fromstring("<a><b c='1'>text</b><b/></a>"))
    xml.dom.minidom.parseString("<a><b c='1'>text</b><b/></a>").toprettyxml()
    textwrap.fill(__doc__ or "", 50)
    shlex.split("run --name 'a b' --count=3 # no more")
    message = email.message_from_string(
        "Subject: one\nTo: a@b.c, d <e@f.g>\nContent-Type: text/plain\n\nbody\n"
    )
    message["X-Header"] = "value"
    message.as_string()
    config = configparser.ConfigParser()
    config.read_string("[DEFAULT]\nroot = /srv\n[site]\npath = %(root)s/site\n")
    config.get("site", "path")
    list(csv.DictReader(io.StringIO("a,b\n1,2\n3,4\n")))


def programs() -> None:
    tree = ast.parse(SOURCE[:4000].rsplit("\n\n\n", 1)[0])
    ast.unparse(tree)
    sum(1 for node in ast.walk(tree) if isinstance(node, ast.Name))
    list(tokenize.generate_tokens(io.StringIO(SOURCE[:2500].rsplit("\n\n\n", 1)[0]).readline))
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default="x")
    parser.add_argument("--count", type=int, choices=range(5))
    parser.add_argument("files", nargs="*")
    parser.parse_args(["--name", "n", "--count", "3", "a", "b"])
    inspect.signature(serve).bind("/", query="a=1").apply_defaults()
    list(difflib.unified_diff(SOURCE.splitlines()[:40], SOURCE.splitlines()[3:45]))
    logger = logging.getLogger("training")
    logger.addHandler(logging.NullHandler())
    logger.warning("%s and %d", "one", 2)
    with unittest.mock.patch.object(store, "authors", return_value={}):
        store.authors()


def values() -> None:
    points = sorted(Point(n % 7, n / 3, ["t"]) for n in range(20))
    functools.reduce(operator.add, points)
    copy.deepcopy(points)
    python_pickle: typing.Any = pickle
    python_pickle._loads(python_pickle._dumps(DOCUMENT))
    pprint.pformat(DOCUMENT)
    statistics.stdev([1.5, 2.5, 4.0])
    sum((fractions.Fraction(1, n) for n in range(1, 12)), fractions.Fraction(0))
    groups: defaultdict[int, list[Row]] = defaultdict(list)
    for row in (Row(f"name {n}", n) for n in range(30)):
        groups[row.number % 4].append(row._replace(name=row.name.upper()))
    chain = ChainMap({"a": 1}, UserDict(b=2), OrderedDict(c=3))
    sum(chain[name] for name in ("a", "b", "c") if name in chain)
    PurePosixPath("/srv", "a", "../b.txt").with_suffix(".gz").relative_to("/srv")
    urllib.parse.urlunsplit(urllib.parse.urlsplit("https://example.org:80/a/b;c?d=e&f=g#h"))
    urllib.parse.urlencode({"a": ["1", "ü"], "b": 2}, doseq=True)
    for key, group in itertools.groupby(sorted(groups.items()), key=lambda item: item[0] % 2):
        dict(group).get(key)


# --- coroutines ----------------------------------------------------------------------------------------------------


class Connection:
    async def __aenter__(self) -> Connection:
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await asyncio.sleep(0)

    async def rows(self, count: int) -> AsyncIterator[int]:
        for number in range(count):
            if number % 5 == 0:
                await asyncio.sleep(0)
            yield number


async def respond(queue: asyncio.Queue[int]) -> int:
    total = 0
    async with Connection() as connection:
        async for number in connection.rows(12):
            total += number
            await queue.put(number)
    return total


async def concurrently() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(respond(queue)) for _ in range(4)]
    while not queue.empty():
        queue.get_nowait()
    assert all(task.result() == 66 for task in tasks)


def flatten(items: object) -> Iterator[object]:
    if isinstance(items, list | tuple):
        for item in items:
            yield from flatten(item)
    else:
        yield items


def main() -> int:
    parse = argparse.ArgumentParser(prog="python tools/training.py", description=__doc__)
    parse.add_argument("seconds", type=float, help="how long")
    seconds = parse.parse_args().seconds
    start = time.process_time()
    with asyncio.Runner() as runner:
        while time.process_time() - start < seconds:
            for _ in range(4):
                requests()
            texts()
            programs()
            values()
            runner.run(concurrently())
            sum(1 for _ in flatten([[1, [2, (3, 4)]] * 5, 6]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
