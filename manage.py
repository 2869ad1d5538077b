#!/usr/bin/env python
"""Django's command line, on the embedded servers where the environment names no others."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db.utils import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from atlaspay import embedded

SERVERLESS = {
    *("help", "version", "check", "collectstatic", "findstatic", "diffsettings", "sandbox_bank"),
    *("spectacular", "compilemessages", "makemessages", "startapp", "startproject"),
}


def main() -> None:
    """Run one command; trouble with servers or settings is one line that says what to do."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atlaspay.settings")
    words = sys.argv[1:]
    needs_servers = (
        bool(words)
        and words[0] not in SERVERLESS
        and not {"-h", "--help", "--version"} & set(words)
    )
    try:
        if needs_servers:
            embedded.ensure()
        execute_from_command_line(sys.argv)
    except (embedded.EmbeddedError, ImproperlyConfigured) as error:
        sys.exit(f"atlaspay: {error}")
    except OperationalError as error:
        sys.exit(
            f"atlaspay: the database does not answer ({_first_line(error)}):"
            " start it or correct DATABASE_URL"
        )
    except RedisConnectionError as error:
        sys.exit(
            f"atlaspay: Redis does not answer ({_first_line(error)}): start it or correct REDIS_URL"
        )
    except KeyboardInterrupt:
        sys.exit(130)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]


if __name__ == "__main__":
    main()
