"""A batch as a file: preview, submit once, follow, cancel."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from atlaspay.core import clock
from ledger import chart
from ledger import selectors as ledger
from partners import services
from payouts.models import Batch, Payout
from portal import uploads
from portal.models import Upload
from portal.tasks import tidy
from tests.payouts.factories import clear_all, fresh, make_payouts
from tests.portal.conftest import Market, csv_of

pytestmark = pytest.mark.django_db
NEW = "/portal/batches/new/"


def send(client: Client, raw: bytes, **more: str):
    """Upload a file; `more` are the fields beside it."""
    given = {"reference": "week-48", "currency": "EUR", **more}
    return client.post(NEW, {**given, "file": SimpleUploadedFile("week 48.csv", raw)})


def available(market: Market) -> int:
    return ledger.balance(chart.partner_available(market.partner.id, "EUR"))


def test_a_good_file_is_previewed_and_nothing_moves(market: Market, operator: Client) -> None:
    before = (Batch.objects.count(), available(market))
    answer = send(operator, csv_of({}, {"reference": "seller-2", "amount_minor": "990"}))
    assert answer.status_code == 302
    shown = operator.get(answer.url)

    preview = shown.context["preview"]
    assert (preview["accepted_count"], preview["accepted_minor"]) == (2, 2_240)
    text = shown.content.decode()
    assert "22.40 <small>EUR" in text
    assert "No fee" in text
    assert "SEPA Instant" in text
    assert "Submit 2 payouts" in text
    assert (Batch.objects.count(), available(market)) == before


def test_submitting_twice_is_one_batch(market: Market, operator: Client) -> None:
    before = available(market)
    place = send(operator, csv_of({}, {"reference": "seller-2"})).url
    first = operator.post(f"{place}submit/")
    again = operator.post(f"{place}submit/")

    batch = Batch.objects.get(reference="week-48")
    assert first.url == again.url == f"/portal/batches/{batch.id}/"
    assert operator.get(place).url == first.url
    assert Payout.objects.filter(batch=batch).count() == 2
    assert available(market) == before - 2_500
    row = batch.history.get()
    assert row.actor.startswith("member:operator.")
    kept = Upload.objects.get(batch_id=batch.id)
    assert kept.sealed_body is None


def test_a_click_whose_answer_was_lost_leads_to_the_same_batch(
    market: Market, operator: Client
) -> None:
    place = send(operator, csv_of({})).url
    upload = Upload.objects.get(pk=place.rstrip("/").rpartition("/")[2])
    sealed = bytes(upload.sealed_body)
    first = operator.post(f"{place}submit/").url
    # As if the process had died after the batch was committed.
    Upload.objects.filter(pk=upload.pk).update(batch_id="", sealed_body=sealed)

    assert operator.post(f"{place}submit/").url == first
    assert Batch.objects.filter(reference="week-48").count() == 1


def test_faults_stand_at_their_cells(market: Market, operator: Client) -> None:
    raw = csv_of(
        {},
        {"reference": "seller-2", "amount_minor": "12.50"},
        {"reference": "seller-3", "iban": "NL91ABNA0417164301"},
        {"reference": "seller-4", "recipient_country": "ZZ", "recipient_name": ""},
        {"reference": "", "account_type": "paypal"},
    )
    shown = operator.get(send(operator, raw).url)

    rows = shown.context["faulty"]
    assert [row.line for row in rows] == [3, 4, 5, 6]
    faulty = [{cell.column for cell in row.cells if cell.faults} for row in rows]
    assert faulty[0] == {"amount_minor"}
    assert faulty[1] == {"iban"}
    assert faulty[2] >= {"recipient_name"}
    assert faulty[3] == {"reference", "account_type"}
    assert all(row.faults == [] for row in rows)
    text = shown.content.decode()
    assert "A whole number in the smallest unit: 12.50 EUR is 1250." in text
    assert "4 of 5 rows cannot be paid and would be left out." in text
    assert "Submit without the 4 faulty rows" in text
    answer = operator.post(f"{shown.request['PATH_INFO']}submit/")
    batch = operator.get(answer.url)
    assert [row["line"] for row in batch.context["refused"]] == [3, 4, 5, 6]


def test_all_or_nothing_is_not_submitted_with_a_fault(market: Market, operator: Client) -> None:
    place = send(operator, csv_of({}, {"reference": "b", "iban": "x"}), atomic="on").url
    assert "and you asked for all or nothing" in operator.get(place).content.decode()
    before = (Batch.objects.count(), available(market))

    answer = operator.post(f"{place}submit/", follow=True)

    assert "Not submitted. 1 of 2 payouts are not valid" in answer.content.decode()
    assert (Batch.objects.count(), available(market)) == before


def test_what_is_missing_is_said_and_not_submitted(market: Market, operator: Client) -> None:
    place = send(operator, csv_of({"amount_minor": "99999999"})).url
    text = operator.get(place).content.decode()
    assert "are missing." in text
    assert "990,350.49 <small>EUR" in text  # 999,999.99 - (10,000.00 - 350.50 reserved)
    before = Batch.objects.count()

    answer = operator.post(f"{place}submit/", follow=True)

    assert "Not submitted." in answer.content.decode()
    assert Batch.objects.count() == before


def test_a_reference_that_is_taken_is_said_before(market: Market, operator: Client) -> None:
    place = send(operator, csv_of({}), reference=market.batch.reference).url
    shown = operator.get(place)

    assert "has this reference already" in shown.content.decode()
    assert not shown.context["preview"]["would_be_accepted"]


def test_twins_are_pointed_at(market: Market, operator: Client) -> None:
    operator.post(f"{send(operator, csv_of({})).url}submit/")
    shown = operator.get(send(operator, csv_of({}, {"reference": "b"}), reference="w-49").url)

    first, second = shown.context["duplicates"]
    assert (first["line"], second["line"], second["twin_line"]) == (2, 3, 2)
    assert first["payout_id"] == Payout.objects.get(batch__reference="week-48").id


@pytest.mark.parametrize(
    ("raw", "more", "status", "words"),
    [
        (b"", {}, 400, "The file is empty."),
        (b"amout,b\n1,2\n", {}, 422, "Did you mean amount_minor?"),
        (csv_of({}), {"currency": "E"}, 422, ""),
        (csv_of({}), {"currency": "XAU"}, 422, "No rail pays in XAU"),
        (csv_of({}), {"reference": " \u00e9 "}, 422, ""),
        (csv_of({}), {"reference": ""}, 422, "This field is required."),
        (csv_of({}), {"rail": "swift"}, 422, "not one of the available choices"),
        (csv_of({}), {"execute_at": "tomorrow"}, 422, "Enter a valid date/time."),
        (csv_of({}), {"currency": ""}, 422, "currency"),
    ],
)
def test_what_does_not_fit_stays_on_the_form(
    operator: Client, raw: bytes, more: dict[str, str], status: int, words: str
) -> None:
    before = Upload.objects.count()
    answer = send(operator, raw, **more)

    assert answer.status_code == status
    assert words in answer.content.decode()
    assert Upload.objects.count() == before


def test_a_time_that_is_past_is_said(operator: Client) -> None:
    shown = operator.get(send(operator, csv_of({}), execute_at="2020-01-01T10:00").url)
    assert "The time is past" in shown.content.decode()


def test_fifty_megabytes_are_refused_by_their_length(operator: Client, settings) -> None:
    settings.ATLASPAY_BODY_LIMIT = 100_000
    answer = send(operator, b"x" * 200_000)
    assert answer.status_code == 413
    assert "The file is larger than" in answer.content.decode()

    answer = operator.generic(
        "POST", NEW, b"", content_type="text/plain", CONTENT_LENGTH="52428800"
    )
    assert answer.status_code == 413
    assert send(operator, b"x" * 101_000).status_code == 413


def test_fifteen_thousand_rows_are_previewed_and_stored(market: Market, operator: Client) -> None:
    rows = ({"reference": f"s-{n}", "amount_minor": "1"} for n in range(15_000))
    place = send(operator, csv_of(*rows)).url
    assert operator.get(place).context["preview"]["accepted_count"] == 15_000

    batch = operator.get(operator.post(f"{place}submit/").url).context["batch"]

    assert (batch["intake"], batch["item_count"]) == ("received", 15_000)


def test_a_kept_file_is_sealed_and_goes_after_a_day(market: Market, operator: Client) -> None:
    place = send(operator, csv_of({"recipient_name": "Xanthippe"})).url
    upload = Upload.objects.latest("id")
    assert b"Xanthippe" not in bytes(upload.sealed_body)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE portal_upload SET created_at = created_at - interval '25 hours' WHERE id = %s",
            [upload.id],
        )
    answer = operator.get(place)
    assert (answer.status_code, uploads.GONE in answer.content.decode()) == (409, True)
    assert operator.post(f"{place}submit/").status_code == 302
    assert not Batch.objects.filter(reference="week-48").exists()

    send(operator, csv_of({}), reference="other")
    tidy()
    upload.refresh_from_db()
    assert upload.sealed_body is None
    assert Upload.objects.get(parameters__reference="other").sealed_body is not None


def test_a_paused_partner_reads_and_submits_nothing(market: Market, operator: Client) -> None:
    services.pause_partner(market.partner.id)
    place = f"/portal/batches/preview/{market.upload.id}/"
    assert operator.get(place).status_code == 200
    answer = operator.post(f"{place}submit/")

    assert answer.status_code == 403
    assert "is paused" in answer.content.decode()
    assert not Batch.objects.filter(reference="week-47").exists()


def test_the_page_follows_a_batch_until_it_has_ended(market: Market, viewer: Client) -> None:
    place = f"/portal/batches/{market.batch.id}/"
    assert 'hx-trigger="every 2s"' in viewer.get(place).content.decode()
    part = viewer.get(f"{place}progress/").content.decode()
    assert part.strip().startswith('<div class="ap-stack" id="progress" hx-get=')
    assert "0 of 2 payouts have ended" in part

    market.client("operator").post(f"{place}cancel/")

    part = viewer.get(f"{place}progress/").content.decode()
    assert "hx-trigger" not in part
    assert "Ended: 2 of 2 payouts" in part
    assert fresh(market.payout).state == "canceled"
    assert fresh(market.payout).history.latest("history_id").actor.startswith("member:operator.")


def test_the_list_is_narrowed_and_turned(market: Market, viewer: Client) -> None:
    for _ in range(30):
        make_payouts(market.partner, [100])
    page = viewer.get("/portal/batches/")
    assert len(page.context["batches"]) == 25
    older = viewer.get(f"/portal/batches/?{page.context['next']}")
    assert len(older.context["batches"]) == 6
    one = viewer.get("/portal/batches/", {"q": market.batch.reference})
    assert [batch["id"] for batch in one.context["batches"]] == [market.batch.id]
    today = f"{clock.now():%Y-%m-%d}"
    later = f"{clock.now() + timedelta(days=1):%Y-%m-%d}"
    assert len(viewer.get("/portal/batches/", {"until": today}).context["batches"]) == 25
    assert viewer.get("/portal/batches/", {"since": later}).context["batches"] == []
    wrong = viewer.get("/portal/batches/", {"since": "soon", "currency": "EURO"})
    assert wrong.status_code == 200
    assert "Enter a valid date." in wrong.content.decode()
    assert viewer.get("/portal/batches/", {"cursor": "x"}).status_code == 422


def test_pages_cost_few_queries(
    market: Market, viewer: Client, operator: Client, django_assert_max_num_queries
) -> None:
    for _ in range(10):
        make_payouts(market.partner, [100, 200])
    clear_all()
    viewer.get("/portal/batches/")
    with django_assert_max_num_queries(6):
        viewer.get("/portal/batches/")
    with django_assert_max_num_queries(7):
        viewer.get(f"/portal/batches/{market.batch.id}/")
    with django_assert_max_num_queries(9):
        operator.get(f"/portal/batches/preview/{market.upload.id}/")


def test_previews_use_the_budget_of_the_partner_and_say_when_it_is_used(
    market: Market, other: Market, operator: Client, settings
) -> None:
    # Three items: the upload's own look, the page's, and one more; one again in a hundred seconds.
    settings.ATLASPAY_PREVIEW_ITEMS_PER_SECOND = 0.01
    settings.ATLASPAY_PREVIEW_ITEMS_BURST = 3
    kept = send(operator, csv_of({})).url
    assert operator.get(kept).status_code == 200
    assert operator.get(kept).status_code == 200

    page = operator.get(kept)
    upload = send(operator, csv_of({}))

    for answer in (page, upload):
        assert answer.status_code == 429
        assert 40 <= int(answer["Retry-After"]) <= 100
        assert "Your dry runs used their budget of items." in answer.content.decode()
    assert send(other.client(), csv_of({})).status_code == 302
    submitted = operator.post(f"{kept}submit/")
    assert submitted.url.startswith("/portal/batches/bt_")
