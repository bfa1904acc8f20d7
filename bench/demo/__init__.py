"""The demo: a real web application driven through WSGI, on stock CPython and on Pyston, side by side.

`shop/` is the application, `traffic.py` the visitors' requests, `worker.py` the process that serves them,
`__main__.py` the driver that alternates two workers and compares them, `report.py` what it prints.
"""
