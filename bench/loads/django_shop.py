"""A shop in Django: ORM, templates, forms, sessions, messages, the admin and the usual middleware.

Logged-in staff browses the shop, edits a book through a model form, and works in the admin's list,
search and change pages. Everything lives in SQLite in memory; sessions are kept in the database.
"""
# ruff: noqa: E501, RUF012
# mypy: allow-subclassing-any, allow-untyped-decorators, allow-any-generics, disable-error-code="misc"

from __future__ import annotations

import sys
from typing import Any

import django
from django.conf import settings

TEMPLATES = {
    "base.html": """{% load i18n %}<!doctype html><title>{% block title %}{% endblock %}</title>
<nav><a href="{% url 'home' %}">{% trans "Home" %}</a> {% if user.is_authenticated %}{{ user.get_username }}{% endif %}
{{ request.session.visits }}</nav>{% for message in messages %}<p class="{{ message.tags }}">{{ message }}</p>{% endfor %}
{% block main %}{% endblock %}""",
    "list.html": """{% extends "base.html" %}{% load humanize %}{% block title %}{{ page.paginator.count }} books{% endblock %}
{% block main %}<ol>{% for book in page %}{% include "card.html" with dear=book.dear %}{% empty %}<li>none{% endfor %}</ol>
{% if page.has_next %}<a href="?page={{ page.next_page_number }}">on</a>{% endif %}
<p>{{ total|intcomma }} {{ page.paginator.num_pages|pluralize }}</p>{% endblock %}""",
    "card.html": """<li class="{% cycle 'odd' 'even' %}"><a href="{% url 'book' book.pk %}">{{ book.title|truncatechars:30 }}</a>
by {{ book.author }}, {{ book.cents|floatformat:2 }}{% if dear %} <b>dear</b>{% endif %} {{ book.published|date:"j N Y" }}</li>""",
    "book.html": """{% extends "base.html" %}{% block title %}{{ book }}{% endblock %}{% block main %}
<h1>{{ book.title }}</h1><p>{{ book.author.name|upper }}: {{ book.text|linebreaks|truncatewords_html:20 }}</p>
<ul>{% for tag in book.tags.all %}<li>{{ forloop.counter }}/{{ forloop.revcounter }} {{ tag.name }}</li>{% endfor %}</ul>{% endblock %}""",
    "edit.html": """{% extends "base.html" %}{% block main %}<form method="post">{% csrf_token %}{{ form.as_p }}</form>{% endblock %}""",
}

MODULE = sys.modules[__name__]
sys.modules.setdefault("django_shop", MODULE)

settings.configure(
    SECRET_KEY="bench" * 10,
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF="django_shop",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    STATIC_URL="/static/",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.humanize",
        "django.contrib.staticfiles",
        "shop",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.locale.LocaleMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": False,
            "OPTIONS": {
                "loaders": [
                    (
                        "django.template.loaders.cached.Loader",
                        [
                            ("django.template.loaders.locmem.Loader", TEMPLATES),
                            "django.template.loaders.app_directories.Loader",
                        ],
                    )
                ],
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ],
            },
        }
    ],
)
django.setup()

from datetime import date, timedelta  # noqa: E402

from calling import Load, Request, wsgi_call, wsgi_load  # noqa: E402
from django import forms  # noqa: E402
from django.contrib import admin, messages  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.paginator import Paginator  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db.models import Avg, Count, F, Q, Sum  # noqa: E402
from django.http import HttpRequest, HttpResponse, JsonResponse  # noqa: E402
from django.shortcuts import get_object_or_404, redirect, render  # noqa: E402
from django.urls import path  # noqa: E402
from shop.models import Author, Book, Tag  # noqa: E402


class BookForm(forms.ModelForm):
    class Meta:
        model = Book
        fields = ["title", "cents", "published", "author"]

    def clean_title(self) -> str:
        title: str = self.cleaned_data["title"]
        if title.startswith("!"):
            raise forms.ValidationError("no shouting")
        return title


class BookAdmin(admin.ModelAdmin):
    list_display = ["title", "author", "cents", "published", "dear"]
    list_filter = ["author__country", "tags"]
    search_fields = ["title", "author__name"]
    list_select_related = ["author"]
    list_per_page = 25

    @admin.display(boolean=True)
    def dear(self, book: Book) -> bool:
        return bool(book.dear)


admin.site.register(Book, BookAdmin)
admin.site.register(Author)


def home(request: HttpRequest) -> HttpResponse:
    books = Book.objects.select_related("author")
    if text := request.GET.get("q"):
        books = books.filter(Q(title__icontains=text) | Q(author__name__icontains=text))
    page = Paginator(books, 20).get_page(request.GET.get("page"))
    total = books.aggregate(total=Sum("cents"))["total"]
    return render(request, "list.html", {"page": page, "total": total})


def book(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Book.objects.select_related("author").prefetch_related("tags"), pk=pk)
    return render(request, "book.html", {"book": found})


def edit(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Book, pk=pk)
    form = BookForm(request.POST or None, instance=found)
    if form.is_valid():
        form.save()
        messages.success(request, f"{found} saved")
        return redirect("book", pk=pk)
    return render(request, "edit.html", {"form": form})


def authors(request: HttpRequest) -> HttpResponse:
    rows = (
        Author.objects.annotate(n=Count("books"), mean=Avg(F("books__cents") / 100.0))
        .filter(n__gt=2)
        .order_by("name")
    )
    return JsonResponse({"authors": list(rows.values("name", "country", "n", "mean"))})


urlpatterns = [
    path("", home, name="home"),
    path("book/<int:pk>/", book, name="book"),
    path("book/<int:pk>/edit/", edit, name="edit"),
    path("authors/", authors, name="authors"),
    path("admin/", admin.site.urls),
]


def fill() -> None:
    call_command("migrate", run_syncdb=True, verbosity=0)
    authors = Author.objects.bulk_create(
        [Author(name=f"Author <{n}>", country=["Peru", "Mali"][n % 2]) for n in range(12)]
    )
    tags = Tag.objects.bulk_create([Tag(name=f"tag {n}") for n in range(6)])
    day = date(2020, 1, 1)
    rows = [
        Book(
            title=f"Book {n} & tale",
            cents=700 + n * 37 % 4000,
            published=day + timedelta(n),
            text="Words. " * 30,
            author=authors[n % 12],
        )
        for n in range(240)
    ]
    for n, row in enumerate(Book.objects.bulk_create(rows)):
        row.tags.set([tags[n % 6], tags[(n + 1) % 6]])
    User.objects.create_superuser("ann", "ann@localhost", "secret")


fill()
app = get_wsgi_application()


def log_in() -> str:
    """Returns the cookies of a logged-in member of staff."""
    token = "a" * 32
    form = f"csrfmiddlewaretoken={token}&username=ann&password=secret&next=/".encode()
    kind = "application/x-www-form-urlencoded"
    request = Request("POST", "/admin/login/", "", form, kind, (("cookie", f"csrftoken={token}"),))
    status, headers, body = wsgi_call(app, request)
    if not status.startswith("302"):
        raise AssertionError(f"log-in failed: {status} {body[:500]!r}")
    kept = {}
    for name, value in headers:
        if name.lower() == "set-cookie":
            cookie, _, content = value.split(";")[0].partition("=")
            kept[cookie] = content
    return "; ".join(f"{name}={value}" for name, value in kept.items())


def requests() -> list[Request]:
    cookie = log_in()
    signed = (("cookie", cookie),)
    token = next(part.partition("=")[2] for part in cookie.split("; ") if part.startswith("csrftoken="))
    kind = "application/x-www-form-urlencoded"

    def form(**fields: Any) -> bytes:
        return "&".join(
            f"{name}={value}" for name, value in {"csrfmiddlewaretoken": token, **fields}.items()
        ).encode()

    good = form(title="Book+16", cents=1255, published="2020-01-17", author=5)
    bad = form(title="!", cents="x", published="soon", author=99)
    return [
        Request("GET", "/", headers=signed),
        Request("GET", "/", "page=3"),
        Request("GET", "/", "q=7", headers=signed),
        Request("GET", "/book/17/", headers=signed),
        Request("GET", "/authors/"),
        Request("GET", "/book/17/edit/", headers=signed),
        Request("POST", "/book/17/edit/", "", good, kind, signed, 302),
        Request("POST", "/book/17/edit/", "", bad, kind, signed),
        Request("GET", "/admin/", headers=signed),
        Request("GET", "/admin/shop/book/", "q=1", headers=signed),
        Request("GET", "/admin/shop/book/17/change/", headers=signed),
        Request("GET", "/book/9999/", status=404),
    ]


def make() -> Load:
    return wsgi_load(app, requests(), (r'value="[A-Za-z0-9]{64}"', r"csrfToken[^;]*", r"\d+:\d\d(:\d\d)?"))
