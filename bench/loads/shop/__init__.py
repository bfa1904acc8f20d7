"""The Django application whose models `django_shop` and `drf_shop` use."""
