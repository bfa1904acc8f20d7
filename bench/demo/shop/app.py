"""Puts the shop together: configuration, database, sessions, the parts that every request passes through."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import sqlite3
from typing import Any

from flask import Flask, Response, abort, g, render_template, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import StaticPool
from werkzeug.exceptions import HTTPException

from . import account, api, catalogue, checkout, filters, seed
from .basket import Basket
from .models import Base, User

TODAY = datetime.date(2026, 1, 1)
SECRET = "the demo keeps no secrets"


class ShopSigner(TimestampSigner):
    """Signs with the shop's day instead of the clock, so that cookies are the same in every run."""

    def get_timestamp(self) -> int:
        return int(datetime.datetime.combine(TODAY, datetime.time(), datetime.UTC).timestamp())


class ShopSessions(SecureCookieSessionInterface):
    """Flask's signed cookie sessions with the shop's signer."""

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        return URLSafeTimedSerializer(
            SECRET,
            salt=self.salt,
            serializer=self.serializer,
            signer=ShopSigner,
            signer_kwargs={"key_derivation": self.key_derivation, "digest_method": self.digest_method},
        )


class Database:
    """The shop's SQLite database in memory, and a copy of its first state to return to."""

    def __init__(self) -> None:
        self._live = sqlite3.connect(":memory:", check_same_thread=False)
        self._first = sqlite3.connect(":memory:", check_same_thread=False)
        self.engine: Engine = create_engine("sqlite://", creator=lambda: self._live, poolclass=StaticPool)
        self.open = sessionmaker(self.engine)
        Base.metadata.create_all(self.engine)
        with self.open() as database:
            seed.fill(database, TODAY)
        self._live.backup(self._first)

    def reset(self) -> None:
        """Back to the state after the seed."""
        self._first.backup(self._live)


def create_app(database: Database) -> Flask:
    app = Flask(__name__)
    app.secret_key = SECRET
    app.session_interface = ShopSessions()
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.config["TODAY"] = TODAY
    filters.register(app)
    app.register_blueprint(catalogue.blueprint)
    app.register_blueprint(account.blueprint)
    app.register_blueprint(checkout.blueprint)
    app.register_blueprint(api.blueprint, url_prefix="/api/v1")

    @app.before_request
    def open_request() -> None:
        g.db = database.open()
        g.user = None
        user_id = session.get("user")
        if user_id is not None:
            g.user = g.db.get(User, user_id)
        g.basket = Basket(g.db, session)
        if request.method == "POST" and request.blueprint != "api":
            check_csrf()

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
        response.headers.setdefault("Referrer-Policy", "same-origin")
        if g.user is not None or request.method != "GET":
            response.headers["Cache-Control"] = "private, no-store"
        elif response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=60"
            response.date = datetime.datetime.combine(TODAY, datetime.time(), datetime.UTC)
            response.add_etag()
            response.make_conditional(request)
        return response

    @app.teardown_request
    def close_request(error: BaseException | None) -> None:
        db: Session | None = g.pop("db", None)
        if db is not None:
            db.close()

    @app.context_processor
    def page_data() -> dict[str, Any]:
        return {
            "user": g.user,
            "basket": g.basket,
            "today": TODAY,
            "csrf_token": csrf_token,
            "page_url": page_url,
        }

    @app.errorhandler(HTTPException)
    def error_page(error: HTTPException) -> Any:
        if request.path.startswith("/api/"):
            return {"error": error.name, "detail": error.description}, error.code or 500
        return render_template("error.html", error=error), error.code or 500

    return app


def csrf_token() -> str:
    """A token that only this visitor's own pages can know."""
    visitor = str(session.get("user", "anonymous"))
    return hmac.new(SECRET.encode(), visitor.encode(), hashlib.sha256).hexdigest()[:32]


def check_csrf() -> None:
    if not hmac.compare_digest(request.form.get("csrf", ""), csrf_token()):
        abort(403, "This form is too old or was not made by this shop.")


def page_url(number: int) -> str:
    """The address of another page of the list that is being shown."""
    arguments: dict[str, Any] = {**(request.view_args or {}), **request.args.to_dict(), "page": number}
    return url_for(str(request.endpoint), **arguments)
