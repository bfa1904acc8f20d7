def drive(g):
    try:
        missing  # noqa: F821
    finally:
        g.close()


drive(0)
