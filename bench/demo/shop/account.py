"""Logging in and out, the reader's own orders, and the staff's page."""

from __future__ import annotations

import functools
from collections.abc import Callable

from flask import Blueprint, abort, flash, g, redirect, render_template, request, session, url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as BaseResponse

from . import queries
from .forms import LoginForm
from .models import Book, Order, User

blueprint = Blueprint("account", __name__)


def login_required[**P, R](view: Callable[P, R]) -> Callable[P, R | BaseResponse]:
    """Sends visitors without a log-in to the log-in page."""

    @functools.wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R | BaseResponse:
        if g.user is None:
            flash("Please log in first.", "info")
            return redirect(url_for("account.login", next=request.path))
        return view(*args, **kwargs)

    return checked


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> str | BaseResponse | tuple[str, int]:
    form = LoginForm(request.form)
    if request.method == "GET":
        return render_template("login.html", form=form)
    if form.validate():
        user = g.db.scalar(select(User).where(User.email == form.values["email"].lower()))
        if user is not None and user.password_matches(form.values["password"]):
            session["user"] = user.id
            flash(f"Welcome back, {user.name}.", "success")
            target = request.args.get("next", "")
            return redirect(target if target.startswith("/") else url_for(".orders"), 303)
        form.errors["password"] = "E-mail and password do not belong together."
    return render_template("login.html", form=form), 422


@blueprint.post("/logout")
def logout() -> BaseResponse:
    session.clear()
    flash("You are logged out.", "info")
    return redirect(url_for("catalogue.home"), 303)


@blueprint.get("/account")
@login_required
def orders() -> str:
    return render_template("account.html", orders=queries.orders_of(g.db, g.user))


@blueprint.get("/orders/<int:number>")
@login_required
def order(number: int) -> str:
    found = g.db.get(Order, number)
    if found is None:
        abort(404, "There is no such order.")
    if found.user_id != g.user.id and not g.user.is_staff:
        abort(403, "This is somebody else's order.")
    return render_template("order.html", order=found)


@blueprint.get("/staff")
@login_required
def staff() -> str:
    if not g.user.is_staff:
        abort(403, "For staff only.")
    short = g.db.scalars(
        select(Book)
        .where(Book.stock < 5)
        .options(joinedload(Book.author))
        .order_by(Book.stock, Book.title, Book.id)
    ).all()
    return render_template("staff.html", short=short, sales=queries.sales_by_category(g.db))
