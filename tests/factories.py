"""Partners, their keys, and their money: what every other app's tests begin with."""

from datetime import timedelta

import factory
from django.test import Client

from atlaspay.core import clock
from partners import keys
from partners.models import ApiKey, Partner, Scope
from payouts.services.funding import fund_partner


class PartnerFactory(factory.django.DjangoModelFactory):
    """`PartnerFactory(funded=True)` has 10,000.00 EUR; `funded={"USD": 500}` has 5.00 USD."""

    class Meta:
        model = Partner
        skip_postgeneration_save = True

    class Params:
        paused = factory.Trait(status=Partner.Status.PAUSED)

    name = factory.Sequence(lambda n: f"Market {n}")
    email = factory.Sequence(lambda n: f"ops{n}@market.example")
    country = "NL"

    @factory.post_generation
    def funded(self, create: bool, extracted: bool | dict[str, int], **kwargs: object) -> None:
        """Book money in, by currency in minor units."""
        if extracted:
            amounts = {"EUR": 10_000_00} if extracted is True else extracted
            for currency, amount_minor in amounts.items():
                fund_partner(self.id, amount_minor=amount_minor, currency=currency)


class ApiKeyFactory(factory.django.DjangoModelFactory):
    """A key with all scopes; its text, which no row holds, is on `key.text`."""

    class Meta:
        model = ApiKey

    class Params:
        revoked = factory.Trait(revoked_at=factory.LazyFunction(clock.now))
        expired = factory.Trait(
            expires_at=factory.LazyFunction(lambda: clock.now() - timedelta(seconds=1))
        )

    partner = factory.SubFactory(PartnerFactory)
    name = "test"
    mode = ApiKey.Mode.TEST
    scopes = Scope.values

    @classmethod
    def _create(cls, model_class: type[ApiKey], *args: object, **kwargs: object) -> ApiKey:
        text, prefix = keys.new_text(kwargs["mode"])
        key = super()._create(
            model_class, *args, prefix=prefix, secret_hash=keys.hash_of(text), **kwargs
        )
        key.text = text
        return key


def api_client(key: ApiKey | None = None, **headers: str) -> Client:
    """Return a client that sends this key (a new one for a new partner by default)."""
    key = key or ApiKeyFactory()
    client = Client(
        raise_request_exception=False, headers={"Authorization": f"Bearer {key.text}", **headers}
    )
    client.key, client.partner = key, key.partner
    return client
