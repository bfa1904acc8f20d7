"""The JSON interface: books for everybody, reviews for holders of a token."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, g, jsonify, request, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from . import queries
from .forms import ReviewForm
from .models import Book, Review, User

blueprint = Blueprint("api", __name__)


@blueprint.get("/books")
def books() -> Response:
    number = request.args.get("page", 1, type=int)
    size = request.args.get("size", 20, type=int)
    if not (1 <= number <= 1000 and 1 <= size <= 50):
        abort(400, "page is 1 to 1000, size is 1 to 50")
    page = queries.page_of(g.db, select(Book), "title", number, size)
    following = url_for(".books", page=page.next, size=size) if page.next else None
    return jsonify(total=page.total, next=following, books=[book.as_json() for book in page])


@blueprint.get("/books/<int:number>")
def book(number: int) -> Response:
    return jsonify(find(number).as_json(full=True))


@blueprint.post("/books/<int:number>/reviews")
def review(number: int) -> tuple[Response, int]:
    user = token_user()
    data = request.get_json()
    if not isinstance(data, dict):
        abort(400, "an object is expected")
    form = ReviewForm({key: str(value) for key, value in data.items()})
    if not form.validate():
        return jsonify(error="Invalid", fields=form.errors), 422
    found = find(number)
    if any(r.user_id == user.id for r in found.reviews):
        abort(409, "reviewed already")
    added = Review(book=found, user=user, written=current_app.config["TODAY"], **form.values)
    g.db.add(added)
    g.db.commit()
    return jsonify(added.as_json()), 201


@blueprint.get("/statistics")
def statistics() -> dict[str, Any]:
    count, cheapest, dearest, pages = g.db.execute(
        select(
            func.count(Book.id), func.min(Book.price_cents), func.max(Book.price_cents), func.avg(Book.pages)
        )
    ).one()
    return {
        "books": count,
        "price_cents": {"lowest": cheapest, "highest": dearest},
        "mean_pages": round(pages, 2),
        "sales": [
            {"category": name, "copies": copies, "cents": cents}
            for name, copies, cents in queries.sales_by_category(g.db)
        ],
    }


def find(number: int) -> Book:
    found: Book | None = g.db.get(Book, number)
    if found is None:
        abort(404, f"no book {number}")
    return found


def token_user() -> User:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    user: User | None = None
    if scheme.lower() == "bearer":
        user = g.db.scalar(select(User).where(User.api_token == token))
    if user is None:
        abort(401, "a valid token is needed")
    return user
