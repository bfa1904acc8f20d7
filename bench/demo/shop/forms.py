"""Forms: declared as classes, filled from a request, validated field by field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

Validator = Callable[[Any], str | None]


class Field:
    """One input: its label, how its text becomes a value, and what must hold for the value."""

    def __init__(
        self,
        label: str,
        *validators: Validator,
        kind: str = "text",
        convert: Callable[[str], Any] = str.strip,
        required: bool = True,
        help_text: str = "",
    ) -> None:
        self.label = label
        self.validators = validators
        self.kind = kind
        self.convert = convert
        self.required = required
        self.help_text = help_text
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def clean(self, text: str) -> Any:
        """The value that `text` stands for; raises ValueError with a message for the reader."""
        if not text.strip():
            if self.required:
                raise ValueError("This field is needed.")
            return None
        try:
            value = self.convert(text)
        except ValueError:
            raise ValueError(f"“{text}” is no valid {self.label.lower()}.") from None
        for validator in self.validators:
            message = validator(value)
            if message is not None:
                raise ValueError(message)
        return value


class BoundField:
    """A field together with what the reader typed and what is wrong with it."""

    def __init__(self, field: Field, text: str, error: str | None) -> None:
        self.field = field
        self.text = text
        self.error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.field, name)


class Form:
    """Base of all forms. `values` holds the clean values after a successful `validate`."""

    fields: ClassVar[dict[str, Field]] = {}

    def __init_subclass__(cls) -> None:
        cls.fields = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}

    def __init__(self, data: Mapping[str, str] | None = None) -> None:
        self.data = data if data is not None else {}
        self.values: dict[str, Any] = {}
        self.errors: dict[str, str] = {}

    def validate(self) -> bool:
        for name, field in self.fields.items():
            try:
                self.values[name] = field.clean(str(self.data.get(name, "")))
            except ValueError as error:
                self.errors[name] = str(error)
        return not self.errors

    def __iter__(self) -> Any:
        for name, field in self.fields.items():
            yield BoundField(field, str(self.data.get(name, "")), self.errors.get(name))


def length(low: int, high: int) -> Validator:
    """Text of `low` to `high` characters."""

    def check(value: str) -> str | None:
        if low <= len(value) <= high:
            return None
        return f"Between {low} and {high} characters, please; these are {len(value)}."

    return check


def between(low: int, high: int) -> Validator:
    """A number from `low` to `high`."""

    def check(value: int) -> str | None:
        return None if low <= value <= high else f"From {low} to {high}, please."

    return check


def pattern(expression: str, message: str) -> Validator:
    """Text that matches the whole regular expression."""
    compiled = re.compile(expression)

    def check(value: str) -> str | None:
        return None if compiled.fullmatch(value) else message

    return check


class LoginForm(Form):
    email = Field("E-mail", pattern(r"[^@\s]+@[^@\s]+\.[a-z]+", "This is no e-mail address."), kind="email")
    password = Field("Password", length(8, 100), kind="password")


class ReviewForm(Form):
    stars = Field("Stars", between(1, 5), kind="number", convert=int, help_text="1 (poor) to 5 (excellent)")
    text = Field("Your review", length(10, 400), kind="textarea")


class AddressForm(Form):
    recipient = Field("Name", length(2, 80))
    street = Field("Street", length(4, 80))
    postcode = Field("Postcode", pattern(r"\d{5}", "Five digits, please."))
    city = Field("City", length(2, 60))
    note = Field("Note for the courier", length(0, 200), required=False)


class QuantityForm(Form):
    book = Field("Book", between(1, 10**6), kind="hidden", convert=int)
    quantity = Field("Quantity", between(0, 20), kind="number", convert=int)


class SearchForm(Form):
    q = Field("Words", length(2, 60), required=False)
    low = Field("From", between(0, 1000), kind="number", convert=int, required=False)
    high = Field("To", between(0, 1000), kind="number", convert=int, required=False)
    tag = Field("Tag", pattern(r"[a-z-]+", "No such tag."), required=False)
