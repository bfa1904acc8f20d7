"""A JSON API on Werkzeug's routing with marshmallow schemas: nested load, validation and dump."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from calling import Load, Request, wsgi_load
from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request as HttpRequest
from werkzeug.wrappers import Response


@dataclass
class Person:
    name: str
    email: str
    born: datetime
    tags: list[str] = field(default_factory=list)


@dataclass
class Team:
    number: int
    title: str
    people: list[Person]
    budget: float = 0.0

    @property
    def size(self) -> int:
        return len(self.people)


class PersonSchema(Schema):
    name = fields.String(required=True, validate=validate.Length(min=1, max=40))
    email = fields.Email(required=True)
    born = fields.DateTime(required=True)
    tags = fields.List(fields.String(validate=validate.OneOf(["a", "b", "c"])))

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Person:
        return Person(**data)


class TeamSchema(Schema):
    number = fields.Integer(required=True, strict=True)
    title = fields.String(required=True)
    people = fields.List(fields.Nested(PersonSchema), required=True)
    budget = fields.Float(validate=validate.Range(min=0))
    size = fields.Integer(dump_only=True)
    label = fields.Function(lambda team: f"{team.title} ({team.size})")

    @validates_schema
    def not_too_many(self, data: dict[str, Any], **_: Any) -> None:
        if len(data.get("people", ())) > 12:
            raise ValidationError("too many people")

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Team:
        return Team(**data)


def team(number: int) -> Team:
    start = datetime(1980, 1, 1)
    people = [
        Person(
            f"Person {number}.{n}",
            f"p{n}@example.org",
            start + timedelta(days=97 * n),
            ["a", "b", "c"][: n % 4],
        )
        for n in range(number % 6 + 1)
    ]
    return Team(number, f"Team {number}", people, number * 12.5)


TEAMS = {number: team(number) for number in range(1, 40)}
ONE, MANY = TeamSchema(), TeamSchema(many=True, exclude=["people.born"])
ROUTES = Map(
    [
        Rule("/teams", endpoint="teams", methods=["GET"]),
        Rule("/teams", endpoint="create", methods=["POST"]),
        Rule("/teams/<int:number>", endpoint="team", methods=["GET"]),
    ]
)


def answer(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value), status, mimetype="application/json")


def on_teams(request: HttpRequest) -> Response:
    first = request.args.get("from", 1, type=int)
    return answer(MANY.dump([TEAMS[number] for number in range(first, first + 8)]))


def on_team(request: HttpRequest, number: int) -> Response:
    if number not in TEAMS:
        raise NotFound(f"no team {number}")
    return answer(ONE.dump(TEAMS[number]))


def on_create(request: HttpRequest) -> Response:
    try:
        new = ONE.load(request.get_json())
    except ValidationError as error:
        return answer(error.messages, 422)
    return answer(ONE.dump(new), 201)


VIEWS: dict[str, Callable[..., Response]] = {"teams": on_teams, "team": on_team, "create": on_create}


@HttpRequest.application
def app(request: HttpRequest) -> Response:
    try:
        endpoint, arguments = ROUTES.bind_to_environ(request.environ).match()
        return VIEWS[endpoint](request, **arguments)
    except HTTPException as error:
        return answer({"error": error.description}, error.code or 500)


def requests() -> list[Request]:
    people = [
        {"name": f"N{n}", "email": f"n{n}@example.org", "born": "1990-05-04T00:00:00", "tags": ["a"]}
        for n in range(6)
    ]
    good = {"number": 3, "title": "New", "people": people, "budget": 3.5}
    bad = {"number": "x", "people": [{**people[0], "email": "?", "tags": ["q"]}], "budget": -1, "odd": True}
    return [
        Request("GET", "/teams"),
        Request("GET", "/teams", "from=20"),
        Request("GET", "/teams/5"),
        Request("GET", "/teams/500", status=404),
        Request("GET", "/nowhere", status=404),
        Request.sending_json("POST", "/teams", good, 201),
        Request.sending_json("POST", "/teams", bad, 422),
    ]


def make() -> Load:
    return wsgi_load(app, requests())
