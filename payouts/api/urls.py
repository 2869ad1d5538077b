"""The partner API's addresses for batches, payouts and balance, below `/v1/`."""

from django.urls import path, register_converter

from payouts.api import balance, base, batches, payouts

register_converter(base.BatchIdConverter, "batch_id")
register_converter(base.PayoutIdConverter, "payout_id")

urlpatterns = [
    path("batches", batches.BatchesView.as_view(), name="batches"),
    path("batches/validate", batches.BatchPreviewView.as_view(), name="batch-preview"),
    path("batches/<batch_id:batch_id>", batches.BatchView.as_view(), name="batch"),
    path(
        "batches/<batch_id:batch_id>/payouts",
        batches.BatchPayoutsView.as_view(),
        name="batch-payouts",
    ),
    path(
        "batches/<batch_id:batch_id>/cancel",
        batches.BatchCancelView.as_view(),
        name="batch-cancel",
    ),
    path("payouts", payouts.PayoutsView.as_view(), name="payouts"),
    path("payouts/<payout_id:payout_id>", payouts.PayoutView.as_view(), name="payout"),
    path(
        "payouts/<payout_id:payout_id>/cancel",
        payouts.PayoutCancelView.as_view(),
        name="payout-cancel",
    ),
    path("balance", balance.BalanceView.as_view(), name="balance"),
    path("balance/entries", balance.BalanceEntriesView.as_view(), name="balance-entries"),
]
