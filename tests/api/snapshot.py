"""The OpenAPI document as it is published: `python -m tests.api.snapshot` writes it anew."""

import json
import os
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("openapi_snapshot.json")


def current() -> dict[str, Any]:
    """Return the document of the code as it is."""
    from drf_spectacular.generators import SchemaGenerator  # noqa: PLC0415 - after django.setup()

    return SchemaGenerator().get_schema(request=None, public=True)


def rendered(document: dict[str, Any]) -> str:
    """Return the document as text, stable over runs."""
    return json.dumps(document, indent=1, sort_keys=True, default=str) + "\n"


def main() -> None:
    """Write the snapshot."""
    import django  # noqa: PLC0415 - settings are chosen first

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atlaspay.settings")
    django.setup()
    PATH.write_text(rendered(current()))


if __name__ == "__main__":
    main()
