"""The shop's first stock: a catalogue, customers, reviews and orders made from a fixed seed."""

from __future__ import annotations

import datetime
import random

from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

from .models import Author, Book, Category, Order, OrderLine, Review, Tag, User

CATEGORIES = {
    "Fiction": ("Novels", "Short stories", "Crime", "Fantasy"),
    "Science": ("Physics", "Biology", "Mathematics"),
    "Craft": ("Cooking", "Gardening", "Woodwork"),
    "Travel": ("Guides", "Maps"),
}
TAGS = (
    "award", "bestseller", "classic", "debut", "gift", "illustrated", "large print", "local",
    "new", "paperback", "rare", "series", "signed", "staff pick", "translated",
)  # fmt: skip
NOUNS = (
    "river", "garden", "engine", "winter", "letter", "island", "kitchen", "number", "forest", "harbour",
    "mirror", "station", "window", "voyage", "orchard", "compass", "lantern", "bridge", "archive", "meadow",
)  # fmt: skip
ADJECTIVES = (
    "quiet", "hidden", "last", "small", "northern", "broken", "patient", "golden", "distant", "ordinary",
    "curious", "silent", "early", "borrowed", "perfect",
)  # fmt: skip
FIRST_NAMES = (
    "Ada", "Bram", "Chidi", "Dana", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas",
    "Keiko", "Lior", "Mara", "Noor", "Oskar", "Petra", "Quinn", "Rosa", "Søren", "Tariq",
)  # fmt: skip
LAST_NAMES = (
    "Abe", "Berg", "Costa", "Dahl", "Evans", "Fischer", "García", "Haddad", "Ito", "Jansen",
    "Kovač", "Lindt", "Moreau", "Novak", "Okafor", "Price", "Rossi", "Silva", "Tamm", "Weiß",
)  # fmt: skip
COUNTRIES = ("Japan", "Norway", "Nigeria", "Portugal", "Canada", "Estonia", "Chile", "Wales")
VERBS = ("follows", "remembers", "measures", "repairs", "leaves", "finds", "draws", "explains")
OPINIONS = (
    "I could not put it down.", "The middle part is *slow*, the end is not.", "A fine present.",
    "Not what the cover promises.", "Read it twice & lent it to a friend.", "Many footnotes < few maps.",
    "**Best of the year** so far.", "The paper is thin, the prose is not.", "My children loved it.",
)  # fmt: skip

CUSTOMERS = 60
AUTHORS = 40
BOOKS = 240
ORDERS = 120
# Few rounds on purpose: log-in should show the application's own work, not the hash function's.
PASSWORD_METHOD = "pbkdf2:sha256:500"


def password_of(user_id: int) -> str:
    """The password that the seed gives to a customer."""
    return f"correct-horse-{user_id}"


def token_of(user_id: int) -> str:
    """The API token that the seed gives to a customer."""
    return f"token-{user_id:04d}"


def slugify(text: str) -> str:
    """Letters and digits in lower case, joined by hyphens."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def fill(session: Session, today: datetime.date) -> None:
    """Puts the whole stock into an empty database."""
    chance = random.Random(20260101)
    categories = _categories()
    tags = [Tag(slug=slugify(name), name=name) for name in TAGS]
    authors = _authors(chance)
    users = _users(chance, today)
    session.add_all([*categories, *tags, *authors, *users])
    session.flush()
    books = [_book(number, chance, categories, tags, authors, today) for number in range(1, BOOKS + 1)]
    session.add_all(books)
    session.flush()
    for book in books:
        for user in chance.sample(users[1:], chance.choice((0, 0, 1, 2, 3, 5, 8))):
            session.add(_review(book, user, chance, today))
    for _ in range(ORDERS):
        session.add(_order(chance.choice(users), chance.sample(books, chance.randint(1, 5)), chance, today))
    session.commit()


def _categories() -> list[Category]:
    leaves: list[Category] = []
    for parent_name, child_names in CATEGORIES.items():
        parent = Category(slug=slugify(parent_name), name=parent_name)
        leaves += [Category(slug=slugify(name), name=name, parent=parent) for name in child_names]
    return leaves


def _authors(chance: random.Random) -> list[Author]:
    names = [f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES]
    return [
        Author(
            slug=slugify(name), name=name, country=chance.choice(COUNTRIES), biography=_sentences(chance, 4)
        )
        for name in chance.sample(names, AUTHORS)
    ]


def _users(chance: random.Random, today: datetime.date) -> list[User]:
    users = []
    for number in range(1, CUSTOMERS + 1):
        name = f"{chance.choice(FIRST_NAMES)} {chance.choice(LAST_NAMES)}"
        users.append(
            User(
                id=number,
                name=name,
                email=f"reader{number}@example.org",
                password_hash=generate_password_hash(password_of(number), PASSWORD_METHOD),
                api_token=token_of(number),
                is_staff=number == 1,
                joined=today - datetime.timedelta(days=chance.randint(1, 2000)),
            )
        )
    return users


def _book(
    number: int,
    chance: random.Random,
    categories: list[Category],
    tags: list[Tag],
    authors: list[Author],
    today: datetime.date,
) -> Book:
    title = f"The {chance.choice(ADJECTIVES)} {chance.choice(NOUNS)}".title()
    if chance.random() < 0.3:
        title += f" and the {chance.choice(NOUNS).title()}"
    return Book(
        id=number,
        slug=f"{slugify(title)}-{number}",
        title=title,
        summary="\n\n".join(_sentences(chance, chance.randint(2, 4)) for _ in range(3)),
        isbn=f"978{chance.randrange(10**10):010d}",
        pages=chance.randint(60, 900),
        price_cents=chance.randint(500, 6000),
        discount_percent=chance.choice((0, 0, 0, 0, 5, 10, 25)),
        stock=chance.choice((0, 2, 4, 7, 12, 30, 80)),
        published=today - datetime.timedelta(days=chance.randint(1, 9000)),
        category=chance.choice(categories),
        author=chance.choice(authors),
        tags=chance.sample(tags, chance.randint(0, 4)),
    )


def _review(book: Book, user: User, chance: random.Random, today: datetime.date) -> Review:
    return Review(
        stars=chance.choice((1, 2, 3, 3, 4, 4, 5, 5, 5)),
        text=" ".join(chance.sample(OPINIONS, chance.randint(1, 4))),
        written=today - datetime.timedelta(days=chance.randint(1, 700)),
        book=book,
        user=user,
    )


def _order(user: User, books: list[Book], chance: random.Random, today: datetime.date) -> Order:
    return Order(
        status=chance.choice(("paid", "packed", "sent", "sent", "returned")),
        placed=today - datetime.timedelta(days=chance.randint(1, 300)),
        recipient=user.name,
        street=f"{chance.choice(NOUNS).title()} Street {chance.randint(1, 99)}",
        postcode=f"{chance.randint(10000, 99999)}",
        city=chance.choice(("Bergen", "Porto", "Kyoto", "Tartu", "Cardiff")),
        user=user,
        lines=[OrderLine(book=b, quantity=chance.randint(1, 3), unit_cents=b.selling_cents) for b in books],
    )


def _sentences(chance: random.Random, count: int) -> str:
    return " ".join(
        f"The {chance.choice(ADJECTIVES)} {chance.choice(NOUNS)} {chance.choice(VERBS)} "
        f"the {chance.choice(ADJECTIVES)} {chance.choice(NOUNS)} of {chance.choice(COUNTRIES)}."
        for _ in range(count)
    )
