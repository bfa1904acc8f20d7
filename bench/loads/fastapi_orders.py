"""An orders API: FastAPI with pydantic models, dependencies, validation errors and middleware."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

from calling import Load, Request, asgi_load
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Response
from fastapi import Request as HttpRequest
from pydantic import BaseModel, Field, field_validator


class State(str, Enum):  # noqa: UP042 (the usual way with FastAPI)
    open = "open"
    paid = "paid"
    sent = "sent"


class Line(BaseModel):
    sku: str = Field(pattern=r"^[A-Z]{2}-\d{4}$")
    count: int = Field(gt=0, le=100)
    price: Decimal

    @property
    def total(self) -> Decimal:
        return self.price * self.count


class Address(BaseModel):
    name: str
    street: str
    city: str
    country: str = "NO"

    @field_validator("country")
    @classmethod
    def two_letters(cls, value: str) -> str:
        if len(value) != 2:
            raise ValueError("two letters")
        return value.upper()


class Order(BaseModel):
    number: int
    state: State = State.open
    day: date
    to: Address
    lines: list[Line]
    note: str | None = None


class Summary(BaseModel):
    number: int
    state: State
    total: Decimal
    pieces: int
    url: str


class User(BaseModel):
    name: str
    roles: set[str]


app = FastAPI(title="Orders", version="1")


def order(number: int) -> Order:
    lines = [
        Line(sku=f"AB-{(number * 7 + n) % 10000:04d}", count=n + 1, price=Decimal(199 + n) / 100)
        for n in range(number % 4 + 1)
    ]
    address = Address(name=f"Name {number}", street=f"Street {number}", city="Bergen", country="no")
    day = date(2026, 1, 1) + timedelta(days=number)
    return Order(number=number, state=list(State)[number % 3], day=day, to=address, lines=lines)


ORDERS = {number: order(number) for number in range(1, 200)}
TOKENS = {"secret": User(name="ann", roles={"read", "write"}), "guest": User(name="guest", roles={"read"})}


@app.middleware("http")
async def add_server(
    request: HttpRequest, call_next: Callable[[HttpRequest], Awaitable[Response]]
) -> Response:
    response = await call_next(request)
    response.headers["x-served-by"] = "bench"
    return response


async def user(authorization: Annotated[str | None, Header()] = None) -> User:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or token not in TOKENS:
        raise HTTPException(401, "who are you?")
    return TOKENS[token]


async def writer(user: Annotated[User, Depends(user)]) -> User:
    if "write" not in user.roles:
        raise HTTPException(403, "read only")
    return user


class Paging(BaseModel):
    offset: int = 0
    limit: int = 20


async def paging(offset: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(le=50)] = 20) -> Paging:
    return Paging(offset=offset, limit=limit)


def summary(order: Order) -> Summary:
    total = sum((line.total for line in order.lines), Decimal(0))
    pieces = sum(line.count for line in order.lines)
    return Summary(
        number=order.number, state=order.state, total=total, pieces=pieces, url=f"/orders/{order.number}"
    )


@app.get("/orders", response_model=list[Summary])
async def orders(
    who: Annotated[User, Depends(user)], page: Annotated[Paging, Depends(paging)], state: State | None = None
) -> Any:
    found = [order for order in ORDERS.values() if state is None or order.state is state]
    return [summary(order) for order in found[page.offset : page.offset + page.limit]]


@app.get("/orders/{number}", response_model=Order)
async def one(number: int, who: Annotated[User, Depends(user)]) -> Any:
    if number not in ORDERS:
        raise HTTPException(404, f"no order {number}")
    return ORDERS[number]


@app.post("/orders", status_code=201)
async def create(new: Order, who: Annotated[User, Depends(writer)]) -> Summary:
    return summary(new)


@app.get("/hello")
async def hello(name: str = "world") -> dict[str, str]:
    return {"hello": name}


def requests() -> list[Request]:
    ann = (("authorization", "Bearer secret"),)
    guest = (("authorization", "Bearer guest"),)
    new = {
        "number": 7,
        "day": "2026-03-01",
        "to": {"name": "A", "street": "B", "city": "C", "country": "se"},
        "lines": [{"sku": f"XY-{n:04d}", "count": n + 1, "price": "3.50"} for n in range(5)],
    }
    good = Request.sending_json("POST", "/orders", new, 201)
    bad = Request.sending_json(
        "POST", "/orders", {**new, "lines": [{"sku": "?", "count": 0, "price": "x"}]}, 422
    )
    return [
        Request("GET", "/hello", "name=you"),
        Request("GET", "/orders", "limit=10&offset=30", headers=ann),
        Request("GET", "/orders", "state=paid", headers=guest),
        Request("GET", "/orders/42", headers=guest),
        Request("GET", "/orders/4242", headers=guest, status=404),
        Request("GET", "/orders/42", status=401),
        Request("POST", "/orders", "", good.body, good.content_type, ann, 201),
        Request("POST", "/orders", "", bad.body, bad.content_type, ann, 422),
        Request("POST", "/orders", "", good.body, good.content_type, guest, 403),
    ]


def make() -> Load:
    return asgi_load(app, requests())
