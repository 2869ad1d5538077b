"""A form that shows a secret is taken once, by one person."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.test import RequestFactory

from portal import once


@pytest.fixture
def request_of():
    """Return `request_of(pk, **posted)`."""

    def make(pk: int, **posted: str):
        request = RequestFactory().post("/", posted)
        request.user = User(pk=pk)
        return request

    return make


def test_the_first_takes_it_until_it_is_given_back(request_of):
    form_id = once.new_form_id()
    assert once.take(request_of(1), form_id)
    assert not once.take(request_of(1), form_id)
    assert once.take(request_of(2), form_id)
    with pytest.raises(ZeroDivisionError), once.in_use(request_of(1), form_id):
        raise ZeroDivisionError
    assert once.take(request_of(1), form_id)
    with once.in_use(request_of(1), form_id):
        pass
    assert not once.take(request_of(1), form_id)


def test_of_many_at_once_one_takes_it(request_of):
    form_id = once.new_form_id()
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: once.take(request_of(1), form_id), range(24)))
    assert taken.count(True) == 1


def test_a_form_id_of_another_shape_is_not_believed(request_of):
    good = once.new_form_id()
    assert once.form_id_of(request_of(1, form_id=good)) == good
    for sent in ("", "x", good.upper() + "!", "a" * 10_000):
        assert once.form_id_of(request_of(1, form_id=sent)) != sent
