"""Forms whose answer shows a secret are taken once: a second click, or a reload of the page that
showed it, must not make another key.

The place is Redis. Without it the browser's own guard (portal.js) is all there is.
"""

import logging
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from django.http import HttpRequest

from atlaspay.core.redis import client

log = logging.getLogger(__name__)

FIELD = "form_id"
_KEPT_S = 86_400
_SHAPE = re.compile(r"[0-9a-f]{32}")


def new_form_id() -> str:
    """Return what the hidden field of a new form holds."""
    return uuid.uuid4().hex


def form_id_of(request: HttpRequest) -> str:
    """Return the hidden field as it was sent, or a new one where it is none of ours."""
    sent = request.POST.get(FIELD, "")
    return sent if _SHAPE.fullmatch(sent) else new_form_id()


def take(request: HttpRequest, form_id: str) -> bool:
    """Take a form; say no where it was taken before."""
    try:
        return bool(client().set(_key(request, form_id), "1", nx=True, ex=_KEPT_S))
    except redis.RedisError as error:
        log.info("portal.once_unknown", extra={"error": type(error).__name__})
        return True


@contextmanager
def in_use(request: HttpRequest, form_id: str) -> Iterator[None]:
    """Give the form back where the block ends by an error: nothing came of it."""
    is_done = False
    try:
        yield
        is_done = True
    finally:
        if not is_done:
            _give_back(request, form_id)


def _give_back(request: HttpRequest, form_id: str) -> None:
    try:
        client().delete(_key(request, form_id))
    except redis.RedisError as error:
        log.info("portal.once_unknown", extra={"error": type(error).__name__})


def _key(request: HttpRequest, form_id: str) -> str:
    return f"portal:once:{request.user.pk}:{form_id}"
