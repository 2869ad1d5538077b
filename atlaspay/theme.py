"""What the console looks like: django-unfold's settings."""

UNFOLD: dict[str, object] = {"SITE_TITLE": "AtlasPay", "SITE_HEADER": "AtlasPay"}
