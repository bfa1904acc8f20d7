"""What the pages ask of the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from .models import Author, Book, Category, Order, OrderLine, Review, Tag, User

SORTS: dict[str, Sequence[ColumnElement[Any]]] = {
    "newest": (Book.published.desc(), Book.id.asc()),
    "title": (Book.title.asc(), Book.id.asc()),
    "cheapest": (Book.price_cents.asc(), Book.id.asc()),
    "longest": (Book.pages.desc(), Book.id.asc()),
}


class Page[Row]:
    """One page of a longer list, and the links to the others."""

    def __init__(self, items: Sequence[Row], number: int, size: int, total: int) -> None:
        self.items = items
        self.number = number
        self.size = size
        self.total = total

    def __iter__(self) -> Iterator[Row]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def count(self) -> int:
        return max(1, -(-self.total // self.size))

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.number < self.count else None

    def links(self, around: int = 2) -> Iterator[int | None]:
        """Page numbers to show: both ends and those near this page, None for each gap."""
        last = 0
        for number in range(1, self.count + 1):
            if number in (1, self.count) or abs(number - self.number) <= around:
                if number - last > 1:
                    yield None
                yield number
                last = number


def with_card_data(query: Select[Book]) -> Select[Book]:
    """Loads what a book's card shows along with the book."""
    return query.options(
        joinedload(Book.author),
        joinedload(Book.category),
        selectinload(Book.tags),
        selectinload(Book.reviews).load_only(Review.stars, Review.book_id),
    )


def page_of(session: Session, query: Select[Book], sort: str, number: int, size: int = 12) -> Page[Book]:
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    rows = session.scalars(
        with_card_data(query).order_by(*SORTS[sort]).limit(size).offset((number - 1) * size)
    ).all()
    return Page(rows, number, size, total)


def books_in(category: Category) -> Select[Book]:
    """The books of a category and of those below it."""
    ids = [category.id, *(child.id for child in category.children)]
    return select(Book).where(Book.category_id.in_(ids))


def books_matching(words: str | None, low: int | None, high: int | None, tag: str | None) -> Select[Book]:
    query = select(Book)
    for word in (words or "").split():
        like = f"%{word}%"
        query = query.where(or_(Book.title.ilike(like), Book.summary.ilike(like)))
    if low is not None:
        query = query.where(Book.price_cents >= low * 100)
    if high is not None:
        query = query.where(Book.price_cents <= high * 100)
    if tag:
        query = query.where(Book.tags.any(Tag.slug == tag))
    return query


def book_by_slug(session: Session, slug: str) -> Book | None:
    return session.scalar(
        select(Book)
        .where(Book.slug == slug)
        .options(
            joinedload(Book.author),
            joinedload(Book.category).joinedload(Category.parent),
            selectinload(Book.tags),
            selectinload(Book.reviews).joinedload(Review.user),
        )
    )


def related_books(session: Session, book: Book, limit: int = 4) -> Sequence[Book]:
    """Other books that share the most tags with this one."""
    shared = func.count(Tag.id)
    ids = (
        select(Book.id)
        .join(Book.tags)
        .where(Tag.id.in_([tag.id for tag in book.tags]), Book.id != book.id)
        .group_by(Book.id)
        .order_by(shared.desc(), Book.id)
        .limit(limit)
    )
    return session.scalars(with_card_data(select(Book).where(Book.id.in_(ids)).order_by(Book.id))).all()


def best_rated(session: Session, limit: int = 6) -> Sequence[tuple[Book, float, int]]:
    mean = func.avg(Review.stars)
    count = func.count(Review.id)
    rows = session.execute(
        select(Book, mean, count)
        .join(Book.reviews)
        .options(joinedload(Book.author), joinedload(Book.category))
        .group_by(Book.id)
        .having(count >= 3)
        .order_by(mean.desc(), count.desc(), Book.id)
        .limit(limit)
    )
    return [(book, float(stars), int(reviews)) for book, stars, reviews in rows]


def category_counts(session: Session) -> list[tuple[Category, int, list[tuple[Category, int]]]]:
    """The tree of categories, each with the number of its books."""
    rows = session.execute(select(Book.category_id, func.count(Book.id)).group_by(Book.category_id))
    counts = {row[0]: row[1] for row in rows}
    roots = session.scalars(
        select(Category)
        .where(Category.parent_id.is_(None))
        .options(selectinload(Category.children))
        .order_by(Category.name)
    )
    tree = []
    for root in roots:
        children = [(child, counts.get(child.id, 0)) for child in root.children]
        tree.append((root, counts.get(root.id, 0) + sum(n for _, n in children), children))
    return tree


def author_by_slug(session: Session, slug: str) -> Author | None:
    return session.scalar(
        select(Author)
        .where(Author.slug == slug)
        .options(
            selectinload(Author.books).options(
                joinedload(Book.category), selectinload(Book.tags), selectinload(Book.reviews)
            )
        )
    )


def orders_of(session: Session, user: User) -> Sequence[Order]:
    return session.scalars(
        select(Order)
        .where(Order.user_id == user.id)
        .options(selectinload(Order.lines).joinedload(OrderLine.book))
        .order_by(Order.id.desc())
    ).all()


def sales_by_category(session: Session) -> Sequence[tuple[str, int, int]]:
    income = func.sum(OrderLine.quantity * OrderLine.unit_cents)
    return [
        (name, copies, cents)
        for name, copies, cents in session.execute(
            select(Category.name, func.sum(OrderLine.quantity), income)
            .join(Book, Book.category_id == Category.id)
            .join(OrderLine, OrderLine.book_id == Book.id)
            .group_by(Category.id)
            .order_by(income.desc(), Category.name)
        )
    ]
