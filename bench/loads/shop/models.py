"""Authors, tags and books."""
# ruff: noqa: RUF012
# mypy: allow-subclassing-any, allow-untyped-decorators, allow-any-generics, disable-error-code="misc"

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy


class Author(models.Model):
    name = models.CharField(max_length=50)
    country = models.CharField(max_length=20)

    def __str__(self) -> str:
        return str(self.name)


class Tag(models.Model):
    name = models.CharField(max_length=20)

    def __str__(self) -> str:
        return str(self.name)


class Book(models.Model):
    title = models.CharField(gettext_lazy("title"), max_length=80)
    cents = models.PositiveIntegerField()
    published = models.DateField()
    text = models.TextField(blank=True)
    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    tags = models.ManyToManyField(Tag, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return str(self.title)

    @property
    def dear(self) -> bool:
        return bool(self.cents > 3000)
