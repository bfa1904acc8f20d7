"""The tables of the shop and the rules that belong to one row."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from werkzeug.security import check_password_hash


class Base(DeclarativeBase):
    """The common base of all tables."""


book_tags = Table(
    "book_tags",
    Base.metadata,
    Column("book_id", ForeignKey("books.id"), primary_key=True),
    Column("tag_id", ForeignKey("tags.id"), primary_key=True),
)


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    api_token: Mapped[str] = mapped_column(unique=True)
    is_staff: Mapped[bool] = mapped_column(default=False)
    joined: Mapped[datetime.date]

    orders: Mapped[list[Order]] = relationship(back_populates="user", order_by="Order.id.desc()")
    reviews: Mapped[list[Review]] = relationship(back_populates="user")

    @property
    def initials(self) -> str:
        return "".join(part[0] for part in self.name.split()).upper()

    def password_matches(self, password: str) -> bool:
        return check_password_hash(self.password_hash, password)


class Category(Base):
    __tablename__ = "categories"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id"))

    parent: Mapped[Category | None] = relationship(remote_side=[id], back_populates="children")
    children: Mapped[list[Category]] = relationship(back_populates="parent", order_by="Category.name")
    books: Mapped[list[Book]] = relationship(back_populates="category")

    def path(self) -> list[Category]:
        """This category with its ancestors, the outermost first."""
        steps: list[Category] = []
        step: Category | None = self
        while step is not None:
            steps.append(step)
            step = step.parent
        return steps[::-1]


class Author(Base):
    __tablename__ = "authors"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    country: Mapped[str]
    biography: Mapped[str]

    books: Mapped[list[Book]] = relationship(back_populates="author", order_by="Book.published.desc()")


class Tag(Base):
    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]

    books: Mapped[list[Book]] = relationship(secondary=book_tags, back_populates="tags")


class Book(Base):
    __tablename__ = "books"
    __table_args__ = (Index("books_by_date", "published"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    summary: Mapped[str]
    isbn: Mapped[str] = mapped_column(unique=True)
    pages: Mapped[int]
    price_cents: Mapped[int]
    discount_percent: Mapped[int] = mapped_column(default=0)
    stock: Mapped[int]
    published: Mapped[datetime.date]
    category_id: Mapped[int] = mapped_column(ForeignKey("categories.id"), index=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"), index=True)

    category: Mapped[Category] = relationship(back_populates="books")
    author: Mapped[Author] = relationship(back_populates="books")
    tags: Mapped[list[Tag]] = relationship(secondary=book_tags, back_populates="books", order_by=Tag.name)
    reviews: Mapped[list[Review]] = relationship(back_populates="book", order_by="Review.id.desc()")

    @hybrid_property
    def selling_cents(self) -> int:
        """What the customer pays, after the discount."""
        return self.price_cents - self.price_cents * self.discount_percent // 100

    @property
    def stars(self) -> float | None:
        if not self.reviews:
            return None
        return sum(review.stars for review in self.reviews) / len(self.reviews)

    @property
    def availability(self) -> str:
        if self.stock == 0:
            return "sold out"
        return "last copies" if self.stock < 5 else "in stock"

    def as_json(self, *, full: bool = False) -> dict[str, Any]:
        data: dict[str, Any] = {
            "id": self.id,
            "slug": self.slug,
            "title": self.title,
            "author": {"name": self.author.name, "slug": self.author.slug},
            "category": self.category.slug,
            "price_cents": self.selling_cents,
            "availability": self.availability,
            "tags": [tag.slug for tag in self.tags],
        }
        if full:
            data |= {
                "summary": self.summary,
                "isbn": self.isbn,
                "pages": self.pages,
                "published": self.published.isoformat(),
                "stars": self.stars,
                "reviews": [review.as_json() for review in self.reviews],
            }
        return data


class Review(Base):
    __tablename__ = "reviews"
    __table_args__ = (UniqueConstraint("book_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    stars: Mapped[int]
    text: Mapped[str]
    written: Mapped[datetime.date]
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)

    book: Mapped[Book] = relationship(back_populates="reviews")
    user: Mapped[User] = relationship(back_populates="reviews")

    def as_json(self) -> dict[str, Any]:
        return {
            "stars": self.stars,
            "text": self.text,
            "by": self.user.name,
            "written": self.written.isoformat(),
        }


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(default="paid")
    placed: Mapped[datetime.date]
    recipient: Mapped[str]
    street: Mapped[str]
    postcode: Mapped[str]
    city: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)

    user: Mapped[User] = relationship(back_populates="orders")
    lines: Mapped[list[OrderLine]] = relationship(
        back_populates="order", cascade="all, delete-orphan", order_by="OrderLine.id"
    )

    @property
    def total_cents(self) -> int:
        return sum(line.total_cents for line in self.lines)

    @property
    def copies(self) -> int:
        return sum(line.quantity for line in self.lines)


class OrderLine(Base):
    __tablename__ = "order_lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    quantity: Mapped[int]
    unit_cents: Mapped[int]
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id"), index=True)

    order: Mapped[Order] = relationship(back_populates="lines")
    book: Mapped[Book] = relationship()

    @property
    def total_cents(self) -> int:
        return self.quantity * self.unit_cents
