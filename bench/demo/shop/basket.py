"""The basket: book ids and quantities kept in the visitor's session."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from .models import Book

FREE_SHIPPING_CENTS = 5000
SHIPPING_CENTS = 390
VAT_PERCENT = 7


@dataclass(frozen=True)
class BasketLine:
    book: Book
    quantity: int

    @property
    def total_cents(self) -> int:
        return self.quantity * self.book.selling_cents


class Basket:
    """The lines of one visitor's basket, with their sums."""

    def __init__(self, database: Session, store: MutableMapping[str, Any]) -> None:
        self.database = database
        self.store = store
        self.quantities: dict[str, int] = dict(store.get("basket", {}))
        self._lines: list[BasketLine] | None = None

    def set(self, book: Book, quantity: int) -> int:
        """Puts that many copies into the basket, at most those in stock; returns how many."""
        quantity = min(quantity, book.stock)
        if quantity:
            self.quantities[str(book.id)] = quantity
        else:
            self.quantities.pop(str(book.id), None)
        self._save()
        return quantity

    def clear(self) -> None:
        self.quantities.clear()
        self._save()

    def _save(self) -> None:
        self._lines = None
        self.store["basket"] = dict(self.quantities)

    @property
    def lines(self) -> list[BasketLine]:
        if self._lines is None:
            ids = [int(key) for key in self.quantities]
            books = self.database.scalars(
                select(Book)
                .where(Book.id.in_(ids))
                .options(joinedload(Book.author))
                .order_by(Book.title, Book.id)
            )
            self._lines = [BasketLine(book, self.quantities[str(book.id)]) for book in books]
        return self._lines

    def __iter__(self) -> Iterator[BasketLine]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.quantities)

    @property
    def copies(self) -> int:
        return sum(self.quantities.values())

    @property
    def goods_cents(self) -> int:
        return sum(line.total_cents for line in self.lines)

    @property
    def shipping_cents(self) -> int:
        return 0 if self.goods_cents >= FREE_SHIPPING_CENTS or not self.quantities else SHIPPING_CENTS

    @property
    def total_cents(self) -> int:
        return self.goods_cents + self.shipping_cents

    @property
    def vat_cents(self) -> int:
        return self.total_cents * VAT_PERCENT // (100 + VAT_PERCENT)
