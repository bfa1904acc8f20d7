"""The basket page, changing it, and turning it into an order."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from .account import login_required
from .filters import plural
from .forms import AddressForm, QuantityForm
from .models import Book, Order, OrderLine

blueprint = Blueprint("checkout", __name__)


@blueprint.get("/basket")
def basket() -> str:
    return render_template("basket.html")


@blueprint.post("/basket")
def change() -> BaseResponse:
    form = QuantityForm(request.form)
    if not form.validate():
        for message in form.errors.values():
            flash(message, "error")
        return redirect(url_for(".basket"), 303)
    book = g.db.get(Book, form.values["book"])
    if book is None:
        abort(404, "We do not have this book.")
    wanted = form.values["quantity"]
    given = g.basket.set(book, wanted)
    if given < wanted:
        flash(f"Only {plural(given, 'copy', 'copies')} of “{book.title}” left.", "error")
    elif given:
        flash(f"“{book.title}” is in your basket.", "success")
    return redirect(url_for(".basket"), 303)


@blueprint.route("/checkout", methods=["GET", "POST"])
@login_required
def checkout() -> str | BaseResponse | tuple[str, int]:
    if not len(g.basket):
        flash("Your basket is empty.", "info")
        return redirect(url_for(".basket"))
    if request.method == "GET":
        return render_template("checkout.html", form=AddressForm({"recipient": g.user.name}))
    form = AddressForm(request.form)
    if not form.validate():
        return render_template("checkout.html", form=form), 422
    values = {name: value for name, value in form.values.items() if name != "note"}
    lines = list(g.basket)
    order = Order(user=g.user, placed=current_app.config["TODAY"], status="paid", **values)
    g.db.add(order)
    for line in lines:
        line.book.stock -= line.quantity
        order.lines.append(
            OrderLine(book=line.book, quantity=line.quantity, unit_cents=line.book.selling_cents)
        )
    g.db.commit()
    g.basket.clear()
    flash(f"Order {order.id} is on its way.", "success")
    return redirect(url_for("account.order", number=order.id), 303)
