"""The visitors: a fixed lap of requests and a WSGI client that makes them in the process.

One lap is a mix as a shop sees it: people who browse, people who log in, buy and review, one of the
staff, a program that uses the JSON interface, and the usual mistakes (wrong passwords, incomplete forms,
dead links, other people's orders). The visits are interleaved by a fixed seed. Each lap starts from the same
database and without cookies, so every lap gives the same responses, byte for byte.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from .shop.seed import BOOKS, password_of, token_of

VISITS_SEED = 7
_CSRF = re.compile(rb'name="csrf" value="(\w+)"')


@dataclass(frozen=True)
class Request:
    """One request of one visitor; `kind` groups requests in the report."""

    kind: str
    path: str
    method: str = "GET"
    form: Mapping[str, str] | None = None
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    revisit: bool = False
    """Whether the visitor has the page in the cache and sends its ETag along."""


@dataclass(frozen=True)
class Answer:
    """What came back, and what it cost."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    cpu_ns: int
    wall_ns: int

    def digest(self) -> str:
        seen = hashlib.sha256(repr((self.status, self.headers)).encode())
        seen.update(self.body)
        return seen.hexdigest()

    def text(self) -> str:
        lines = [self.status, *(f"{name}: {value}" for name, value in self.headers), ""]
        return "\n".join(lines) + "\n" + self.body.decode("utf-8", "replace")


class Visitor:
    """A browser: keeps cookies, the last page's form token and the ETags seen."""

    def __init__(self, app: Callable[..., Iterable[bytes]], address: str) -> None:
        self.app = app
        self.address = address
        self.cookies: dict[str, str] = {}
        self.csrf = ""
        self.etags: dict[str, str] = {}

    def make(self, request: Request) -> Answer:
        """Makes the request; only the application's own work is inside the measured time."""
        environ = self._environ(request)
        started: list[Any] = []
        clock, cpu = time.perf_counter_ns, time.process_time_ns
        wall_before, cpu_before = clock(), cpu()
        result = self.app(environ, lambda status, headers, exc_info=None: started.extend((status, headers)))
        body = b"".join(result)
        close = getattr(result, "close", None)
        if close is not None:
            close()
        cpu_ns, wall_ns = cpu() - cpu_before, clock() - wall_before
        status, headers = started
        self._remember(request, headers, body)
        return Answer(status, tuple(headers), body, cpu_ns, wall_ns)

    def _environ(self, request: Request) -> dict[str, Any]:
        path, _, query = request.path.partition("?")
        body = b""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "shop.example",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": self.address,
            "HTTP_HOST": "shop.example",
            "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.7,de;q=0.3",
            "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
            "HTTP_CONNECTION": "keep-alive",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        if request.form is not None:
            body = urlencode({"csrf": self.csrf, **request.form}).encode()
            environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        elif request.json is not None:
            body = json.dumps(request.json).encode()
            environ["CONTENT_TYPE"] = "application/json"
        if request.method == "POST":
            environ["CONTENT_LENGTH"] = str(len(body))
        if self.cookies:
            environ["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if request.revisit and request.path in self.etags:
            environ["HTTP_IF_NONE_MATCH"] = self.etags[request.path]
        for name, value in request.headers.items():
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        environ["wsgi.input"] = io.BytesIO(body)
        return environ

    def _remember(self, request: Request, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        for name, value in headers:
            if name == "Set-Cookie":
                key, _, content = value.partition(";")[0].partition("=")
                if content:
                    self.cookies[key] = content
                else:
                    self.cookies.pop(key, None)
            elif name == "ETag":
                self.etags[request.path] = value
        token = _CSRF.search(body)
        if token is not None:
            self.csrf = token[1].decode()


def lap(slugs: Mapping[str, Sequence[str]], only: Sequence[str] = ()) -> list[tuple[int, Request]]:
    """The requests of one lap in order, each with its visitor's number.

    `slugs` names the books, authors, categories and tags there are. `only` keeps the requests of some kinds
    (and those that log visitors in, without which others would change their meaning).
    """
    chance = random.Random(VISITS_SEED)
    visits = [
        *[_browse(chance, slugs, pages=13) for _ in range(4)],
        *[_shop(chance, slugs, user=10 + number) for number in range(2)],
        _mistakes(chance, slugs),
        _work(chance),
        _program(chance, user=40),
        _program(chance, user=41),
    ]
    requests: list[tuple[int, Request]] = []
    waiting = {number: list(visit) for number, visit in enumerate(visits)}
    while waiting:
        number = chance.choice(sorted(waiting))
        requests.append((number, waiting[number].pop(0)))
        if not waiting[number]:
            del waiting[number]
    if only:
        requests = [(number, r) for number, r in requests if r.kind in only or r.kind == "log-in"]
    return requests


def _browse(chance: random.Random, slugs: Mapping[str, Sequence[str]], pages: int) -> list[Request]:
    """Somebody looks around."""
    makers: list[tuple[int, Callable[[], Request]]] = [
        (2, lambda: Request("home", "/", revisit=chance.random() < 0.3)),
        (3, lambda: Request("list", f"/books?page={chance.randint(1, 20)}&sort={_sort(chance)}")),
        (
            3,
            lambda: Request(
                "list", f"/categories/{quote(chance.choice(slugs['categories']))}?sort={_sort(chance)}"
            ),
        ),
        (2, lambda: Request("list", f"/tags/{quote(chance.choice(slugs['tags']))}")),
        (8, lambda: Request("book", f"/books/{quote(chance.choice(slugs['books']))}")),
        (2, lambda: Request("author", f"/authors/{quote(chance.choice(slugs['authors']))}")),
        (3, lambda: Request("search", _search(chance))),
        (1, lambda: Request("feed", "/feed.xml", revisit=True)),
    ]
    makes, weights = [make for _, make in makers], [weight for weight, _ in makers]
    return [make() for make in chance.choices(makes, weights, k=pages)]


def _shop(chance: random.Random, slugs: Mapping[str, Sequence[str]], user: int) -> list[Request]:
    """Somebody fills the basket, logs in, reviews and buys."""
    look = [f"/books/{quote(slug)}" for slug in chance.sample(slugs["books"], 5)]
    address = {"recipient": "A. Reader", "street": "Harbour Street 5", "postcode": "50010", "city": "Bergen"}
    credentials = {"email": f"Reader{user}@example.org", "password": password_of(user)}
    return [
        Request("home", "/"),
        *[Request("book", path) for path in look],
        *[
            Request("basket", "/basket", "POST", {"book": str(number), "quantity": str(chance.randint(1, 9))})
            for number in chance.sample(range(1, BOOKS + 1), 4)
        ],
        Request("basket", "/basket"),
        Request("log-in", "/checkout"),
        Request("log-in", "/login?next=/checkout"),
        Request("log-in", "/login?next=/checkout", "POST", {**credentials, "password": "wrong-password"}),
        Request("log-in", "/login?next=/checkout", "POST", credentials),
        Request("order", "/checkout"),
        Request("order", "/checkout", "POST", {**address, "postcode": "5001", "city": ""}),
        Request("order", "/checkout", "POST", address),
        Request("account", "/account"),
        Request("book", look[0]),
        Request("review", f"{look[0]}/review", "POST", {"stars": "7", "text": "Short."}),
        Request(
            "review",
            f"{look[0]}/review",
            "POST",
            {"stars": "4", "text": "Better than **most**, <i>really</i>."},
        ),
        Request("book", look[0]),
        Request("account", f"/orders/{chance.randint(1, 120)}"),
        Request("account", "/account"),
        Request("account", "/logout", "POST", {}),
        Request("home", "/"),
    ]


def _work(chance: random.Random) -> list[Request]:
    """One of the staff looks after the shop."""
    return [
        Request("log-in", "/login"),
        Request("log-in", "/login", "POST", {"email": "reader1@example.org", "password": password_of(1)}),
        Request("account", "/staff"),
        *[Request("account", f"/orders/{chance.randint(1, 120)}") for _ in range(6)],
        Request("account", "/staff"),
    ]


def _mistakes(chance: random.Random, slugs: Mapping[str, Sequence[str]]) -> list[Request]:
    """What goes wrong for visitors."""
    return [
        Request("error", "/books/no-such-book"),
        Request("error", "/nowhere"),
        Request("error", "/books?sort=colour"),
        Request("error", "/books?page=0"),
        Request("error", "/authors/nobody"),
        Request("error", "/logout"),
        Request("error", "/basket", "POST", {"book": "3", "quantity": "1", "csrf": "forged"}),
        Request("search", "/search?q=x&low=cheap"),
        Request("search", "/search?q=&low=9999"),
        Request("list", f"/tags/{quote(chance.choice(slugs['tags']))}?page=900"),
        Request("log-in", "/account"),
        Request("log-in", "/login?next=/account"),
        Request("log-in", "/login?next=/account", "POST", {"email": "nobody", "password": ""}),
        Request(
            "log-in",
            "/login?next=/account",
            "POST",
            {"email": "reader30@example.org", "password": password_of(30)},
        ),
        Request("error", "/staff"),
        Request("error", "/orders/1"),
        Request("error", "/orders/100000"),
    ]


def _program(chance: random.Random, user: int) -> list[Request]:
    """A program uses the JSON interface."""
    token = {"Authorization": f"Bearer {token_of(user)}"}
    book = chance.randint(1, BOOKS)
    reviews = f"/api/v1/books/{book}/reviews"
    good = {"stars": 5, "text": "Recommended by 9 of 10 programs."}
    return [
        Request("api", "/api/v1/statistics"),
        *[Request("api", f"/api/v1/books?page={page}&size=10") for page in chance.sample(range(1, 25), 2)],
        *[Request("api", f"/api/v1/books/{chance.randint(1, BOOKS)}") for _ in range(4)],
        Request("api", reviews, "POST", json=good),
        Request("api", reviews, "POST", json={"stars": "many"}, headers=token),
        Request("api", reviews, "POST", json=good, headers=token),
        Request("api", reviews, "POST", json=good, headers=token),
        Request("api", f"/api/v1/books/{book}"),
        Request("api", f"/api/v1/books/{book}", revisit=True),
        Request("api", "/api/v1/books/99999"),
        Request("api", "/api/v1/books?size=500"),
    ]


def _sort(chance: random.Random) -> str:
    return chance.choice(("newest", "title", "cheapest", "longest"))


def _search(chance: random.Random) -> str:
    words = chance.choice(("river", "garden winter", "quiet", "the", "lantern", "Norway maps", "zeppelin"))
    fields = {"q": words, "low": chance.choice(("", "10")), "high": chance.choice(("", "30", "45"))}
    if chance.random() < 0.3:
        fields["tag"] = "signed"
    return f"/search?{urlencode(fields)}"
