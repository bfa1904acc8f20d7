"""Pages that anybody may see: home, lists, a book, an author, search, the feed; and writing a review."""

from __future__ import annotations

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from . import queries
from .account import login_required
from .forms import ReviewForm, SearchForm
from .models import Book, Category, Review, Tag

blueprint = Blueprint("catalogue", __name__)


def page_number() -> int:
    number = request.args.get("page", 1, type=int)
    if not 1 <= number <= 1000:
        abort(404, "There is no such page.")
    return number


def sort_name() -> str:
    sort = request.args.get("sort", "newest")
    if sort not in queries.SORTS:
        abort(400, f"Books cannot be sorted by “{sort}”.")
    return sort


@blueprint.get("/")
def home() -> str:
    newest = queries.page_of(g.db, select(Book), "newest", 1, 6)
    return render_template(
        "home.html",
        newest=newest,
        best=queries.best_rated(g.db),
        tree=queries.category_counts(g.db),
    )


@blueprint.get("/books")
def books() -> str:
    page = queries.page_of(g.db, select(Book), sort_name(), page_number())
    return render_template("list.html", title="All books", page=page, sorts=queries.SORTS)


@blueprint.get("/categories/<slug>")
def category(slug: str) -> str:
    found = g.db.scalar(select(Category).where(Category.slug == slug))
    if found is None:
        abort(404, f"There is no category “{slug}”.")
    page = queries.page_of(g.db, queries.books_in(found), sort_name(), page_number())
    return render_template(
        "list.html",
        title=found.name,
        page=page,
        path=found.path(),
        sorts=queries.SORTS,
        children=found.children,
    )


@blueprint.get("/tags/<slug>")
def tag(slug: str) -> str:
    found = g.db.scalar(select(Tag).where(Tag.slug == slug))
    if found is None:
        abort(404, f"There is no tag “{slug}”.")
    query = select(Book).where(Book.tags.any(Tag.id == found.id))
    page = queries.page_of(g.db, query, sort_name(), page_number())
    return render_template("list.html", title=f"Tagged {found.name}", page=page, sorts=queries.SORTS)


@blueprint.get("/search")
def search() -> str | tuple[str, int]:
    form = SearchForm(request.args)
    if not form.validate():
        return render_template("search.html", form=form, page=None, words=[]), 422
    values = form.values
    query = queries.books_matching(values["q"], values["low"], values["high"], values["tag"])
    page = queries.page_of(g.db, query, sort_name(), page_number())
    return render_template("search.html", form=form, page=page, words=(values["q"] or "").split())


@blueprint.get("/authors/<slug>")
def author(slug: str) -> str:
    found = queries.author_by_slug(g.db, slug)
    if found is None:
        abort(404, "We have nothing by this author.")
    return render_template("author.html", author=found)


@blueprint.get("/books/<slug>")
def book(slug: str) -> str:
    return show_book(find_book(slug), ReviewForm())


@blueprint.post("/books/<slug>/review")
@login_required
def review(slug: str) -> BaseResponse | tuple[str, int]:
    found = find_book(slug)
    form = ReviewForm(request.form)
    if any(r.user_id == g.user.id for r in found.reviews):
        form.errors["text"] = "You have reviewed this book already."
    if not form.validate():
        return show_book(found, form), 422
    g.db.add(
        Review(
            book=found,
            user=g.user,
            written=current_app.config["TODAY"],
            stars=form.values["stars"],
            text=form.values["text"],
        )
    )
    g.db.commit()
    flash(f"Thank you for reviewing “{found.title}”.", "success")
    return redirect(url_for(".book", slug=slug), 303)


@blueprint.get("/feed.xml")
def feed() -> Response:
    newest = queries.page_of(g.db, select(Book), "newest", 1, 20)
    response = make_response(render_template("feed.xml", books=newest))
    response.mimetype = "application/atom+xml"
    return response


def find_book(slug: str) -> Book:
    found = queries.book_by_slug(g.db, slug)
    if found is None:
        abort(404, "We do not have this book.")
    return found


def show_book(found: Book, form: ReviewForm) -> str:
    histogram = [(stars, sum(r.stars == stars for r in found.reviews)) for stars in range(5, 0, -1)]
    return render_template(
        "book.html",
        book=found,
        form=form,
        histogram=histogram,
        related=queries.related_books(g.db, found),
        path=found.category.path(),
    )
