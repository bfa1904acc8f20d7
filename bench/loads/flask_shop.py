"""A small shop: Flask, Jinja2 pages, SQLAlchemy's ORM over SQLite in memory.

Pages that list, search, show and buy, and a JSON view: joins, relationships, template inheritance,
macros, sessions, flashes and url_for, as a hand-written shop has them. Buying and its undoing leave
the database as it was, so every round does the same work.
"""
# ruff: noqa: E501

from __future__ import annotations

from calling import Load, Request, wsgi_load
from flask import (
    Flask,
    Response,
    abort,
    flash,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from jinja2 import DictLoader
from sqlalchemy import ForeignKey, create_engine, func, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
)
from sqlalchemy.pool import StaticPool
from werkzeug.wrappers import Response as Answer


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    country: Mapped[str]
    books: Mapped[list[Book]] = relationship(back_populates="author", order_by="Book.id")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(index=True)
    cents: Mapped[int]
    stock: Mapped[int]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")
    reviews: Mapped[list[Review]] = relationship(back_populates="book", order_by="Review.id")

    @property
    def price(self) -> str:
        return f"{self.cents // 100}.{self.cents % 100:02d}"


class Review(Base):
    __tablename__ = "review"
    id: Mapped[int] = mapped_column(primary_key=True)
    stars: Mapped[int]
    text: Mapped[str]
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    book: Mapped[Book] = relationship(back_populates="reviews")


TEMPLATES = {
    "base.html": """<!doctype html><title>{% block title %}{% endblock %} - Shop</title>
<nav>{% for name, url in menu %}<a href="{{ url }}"{% if request.path == url %} class="here"{% endif %}>{{ name }}</a>
{% endfor %}<span>{{ session.get('basket', [])|length }} in the basket</span></nav>
{% for category, text in get_flashed_messages(with_categories=true) %}<p class="{{ category }}">{{ text }}</p>{% endfor %}
<main>{% block main %}{% endblock %}</main><footer>{{ shop_name|upper }}</footer>""",
    "macros.html": """{% macro stars(n) %}<span title="{{ n }} of 5">{% for i in range(5) %}{{ '*' if i < n else '-' }}{% endfor %}</span>{% endmacro %}
{% macro card(book) %}<li><a href="{{ url_for('book', number=book.id) }}">{{ book.title }}</a> by {{ book.author.name }},
{{ book.price }}{% if book.stock < 5 %} <b>only {{ book.stock }} left</b>{% endif %}</li>{% endmacro %}""",
    "list.html": """{% extends "base.html" %}{% from "macros.html" import card %}{% block title %}{{ heading }}{% endblock %}
{% block main %}<h1>{{ heading }}</h1><ol>{% for book in books %}{{ card(book) }}{% else %}<li>none</li>{% endfor %}</ol>
<p>{% if page > 1 %}<a href="{{ url_for('books', page=page - 1) }}">back</a>{% endif %} page {{ page }}
<a href="{{ url_for('books', page=page + 1) }}">on</a></p>{% endblock %}""",
    "book.html": """{% extends "base.html" %}{% from "macros.html" import stars %}{% block title %}{{ book.title }}{% endblock %}
{% block main %}<h1>{{ book.title }}</h1><p>{{ book.author.name }} ({{ book.author.country }}), {{ book.price }}</p>
<h2>{{ book.reviews|length }} reviews, {{ '%.1f'|format(average) }}</h2>
<ul>{% for review in book.reviews %}<li>{{ stars(review.stars) }} {{ review.text|truncate(60) }}</li>{% endfor %}</ul>
<p>More: {% for other in others %}<a href="{{ url_for('book', number=other.id) }}">{{ other.title }}</a>{{ ", " if not loop.last }}{% endfor %}</p>{% endblock %}""",
}

app = Flask(__name__)
app.secret_key = "bench"
app.jinja_loader = DictLoader(TEMPLATES)
engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})


def fill() -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as db:
        for a in range(20):
            author = Author(name=f"Author <{a}>", country=["Peru", "Japan", "Mali", "Norway"][a % 4])
            for b in range(15):
                number = a * 15 + b
                book = Book(
                    title=f"Book {number} & its tale", cents=799 + 37 * number % 4000, stock=number % 23
                )
                book.reviews = [
                    Review(stars=(number + r) % 5 + 1, text=f"Review {r} of {number}, " * 4) for r in range(6)
                ]
                author.books.append(book)
            db.add(author)
        db.commit()


fill()


@app.before_request
def open_session() -> None:
    g.db = Session(engine)


@app.teardown_request
def close_session(_error: BaseException | None) -> None:
    db = g.pop("db", None)
    if db is not None:
        db.close()


@app.context_processor
def common() -> dict[str, object]:
    menu = [("Home", url_for("home")), ("Books", url_for("books")), ("Authors", url_for("authors"))]
    return {"menu": menu, "shop_name": "The book shop"}


@app.after_request
def add_headers(response: Response) -> Response:
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Cache-Control"] = "no-store"
    return response


@app.get("/")
def home() -> str:
    wanted = select(Book).options(joinedload(Book.author)).order_by(Book.cents.desc(), Book.id).limit(10)
    return render_template("list.html", heading="Dearest", books=g.db.scalars(wanted).all(), page=1)


@app.get("/books")
def books() -> str:
    page = request.args.get("page", 1, type=int)
    wanted = (
        select(Book).options(selectinload(Book.author)).order_by(Book.id).limit(20).offset(20 * (page - 1))
    )
    if text := request.args.get("q"):
        wanted = wanted.where(Book.title.contains(text))
    return render_template("list.html", heading="Books", books=g.db.scalars(wanted).all(), page=page)


@app.get("/book/<int:number>")
def book(number: int) -> str:
    found = g.db.get(Book, number, options=[joinedload(Book.author), selectinload(Book.reviews)])
    if found is None:
        abort(404)
    average = sum(review.stars for review in found.reviews) / len(found.reviews)
    others = [other for other in found.author.books if other.id != number][:5]
    return render_template("book.html", book=found, average=average, others=others)


@app.get("/authors")
def authors() -> Answer:
    wanted = (
        select(Author.name, func.count(Book.id), func.avg(Book.cents))
        .join(Author.books)
        .group_by(Author.id)
        .having(func.count(Book.id) > 3)
        .order_by(Author.name)
    )
    return jsonify(
        [{"name": name, "books": n, "mean": round(mean, 2)} for name, n, mean in g.db.execute(wanted)]
    )


@app.post("/buy/<int:number>")
def buy(number: int) -> Answer:
    found = g.db.get(Book, number)
    change = int(request.form["change"])
    if found is None:
        abort(404)
    found.stock += change
    g.db.commit()
    session["basket"] = [*session.get("basket", []), number][-5:]
    flash(f"{found.title} is yours" if change < 0 else "taken back", "notice")
    return redirect(url_for("book", number=number))


def requests() -> list[Request]:
    form = "application/x-www-form-urlencoded"
    return [
        Request("GET", "/"),
        Request("GET", "/books", "page=3"),
        Request("GET", "/books", "q=4"),
        Request("GET", "/book/17"),
        Request("GET", "/book/233"),
        Request("GET", "/authors"),
        Request("POST", "/buy/17", "", b"change=-1", form, (), 302),
        Request("POST", "/buy/17", "", b"change=1", form, (), 302),
        Request("GET", "/book/99999", status=404),
    ]


def make() -> Load:
    return wsgi_load(app, requests())
