"""A form that shows a secret is taken once, by one person."""

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
    once.give_back(request_of(1), form_id)
    assert once.take(request_of(1), form_id)


def test_a_form_id_of_another_shape_is_not_believed(request_of):
    good = once.new_form_id()
    assert once.form_id_of(request_of(1, form_id=good)) == good
    for sent in ("", "x", good.upper() + "!", "a" * 10_000):
        assert once.form_id_of(request_of(1, form_id=sent)) != sent
