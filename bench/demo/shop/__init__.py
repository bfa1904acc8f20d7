"""A bookshop: Flask, Jinja2 templates and the SQLAlchemy ORM on SQLite, as a small team would write it.

Nothing in it knows about Pyston. It reads no clock and no random source, so that a fixed series of
requests always gives the same bytes: the date comes from the configuration, the catalogue from a seed.
"""
