"""The Django shop's REST API: Django REST Framework's view sets, nested serializers, paging, validation."""
# ruff: noqa: RUF012
# mypy: allow-subclassing-any, allow-untyped-decorators, allow-any-generics, disable-error-code="misc"

from __future__ import annotations

import django_shop
from django.conf import settings

settings.REST_FRAMEWORK = {
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 20,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
}

from calling import Load, Request, wsgi_load  # noqa: E402
from django.urls import include, path  # noqa: E402
from rest_framework import filters, routers, serializers, viewsets  # noqa: E402
from rest_framework.decorators import action  # noqa: E402
from rest_framework.request import Request as ApiRequest  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from shop.models import Author, Book, Tag  # noqa: E402


class TagSerializer(serializers.ModelSerializer):
    class Meta:
        model = Tag
        fields = ["id", "name"]


class AuthorSerializer(serializers.ModelSerializer):
    class Meta:
        model = Author
        fields = ["id", "name", "country"]


class BookSerializer(serializers.ModelSerializer):
    author = AuthorSerializer(read_only=True)
    author_id = serializers.PrimaryKeyRelatedField(
        source="author", queryset=Author.objects.all(), write_only=True
    )
    tags = TagSerializer(many=True, read_only=True)
    price = serializers.SerializerMethodField()

    class Meta:
        model = Book
        fields = ["id", "title", "cents", "price", "dear", "published", "author", "author_id", "tags"]

    def get_price(self, book: Book) -> str:
        return f"{book.cents / 100:.2f}"

    def validate_cents(self, value: int) -> int:
        if value > 100_000:
            raise serializers.ValidationError("too dear")
        return value


class BookViewSet(viewsets.ModelViewSet):
    queryset = Book.objects.select_related("author").prefetch_related("tags")
    serializer_class = BookSerializer
    filter_backends = [filters.SearchFilter, filters.OrderingFilter]
    search_fields = ["title", "author__name"]

    @action(detail=False)
    def dear(self, request: ApiRequest) -> Response:
        found = [book for book in self.get_queryset()[:60] if book.dear]
        return Response(self.get_serializer(found, many=True).data)


router = routers.DefaultRouter()
router.register("books", BookViewSet)
django_shop.urlpatterns.append(path("api/", include(router.urls)))
app = django_shop.app


def requests() -> list[Request]:
    book = {"title": "Book 5 & tale", "cents": 885, "published": "2020-01-06", "author_id": 6}
    return [
        Request("GET", "/api/books/"),
        Request("GET", "/api/books/", "page=4&ordering=-cents"),
        Request("GET", "/api/books/", "search=9"),
        Request("GET", "/api/books/17/"),
        Request("GET", "/api/books/dear/"),
        Request.sending_json("PUT", "/api/books/6/", book),
        Request.sending_json("PATCH", "/api/books/6/", {"cents": 885}),
        Request.sending_json("POST", "/api/books/", {**book, "cents": 10**9, "published": "x"}, 400),
        Request("GET", "/api/books/9999/", status=404),
    ]


def make() -> Load:
    return wsgi_load(app, requests())
