"""The portal's addresses. How a page is added: `portal.scope`."""

from django.urls import include, path

from portal import (
    account,
    balance,
    batch_upload,
    batches,
    dashboard,
    events,
    home,
    keys,
    member_pages,
    payouts,
)
from portal.door import invitation, reset, views

app_name = "portal"

urlpatterns = [
    path("", home.home, name="home"),
    path("login/", views.login, name="login"),
    path("login/code/", views.code, name="code"),
    path("logout/", views.logout, name="logout"),
    path("reset/", reset.ask, name="reset"),
    path("reset/<str:uid>/<str:reset_token>/", reset.choose, name="reset-password"),
    path("switch/", views.switch, name="switch"),
    path("invitation/<str:token>/", invitation.invitation, name="invitation"),
    path("dashboard/", dashboard.dashboard, name="dashboard"),
    path("dashboard/part/", dashboard.part, name="dashboard-part"),
    path("dashboard/figures.csv", dashboard.as_csv, name="dashboard-csv"),
    path("batches/", batches.batches, name="batches"),
    path("batches/new/", batch_upload.new, name="upload-new"),
    path("batches/new/columns.csv", batch_upload.sample, name="upload-sample"),
    path("batches/preview/<str:upload_id>/", batch_upload.look, name="upload"),
    path("batches/preview/<str:upload_id>/submit/", batch_upload.submit, name="upload-submit"),
    path("batches/<str:batch_id>/", batches.batch, name="batch"),
    path("batches/<str:batch_id>/progress/", batches.progress, name="batch-progress"),
    path("batches/<str:batch_id>/cancel/", batches.cancel, name="batch-cancel"),
    path("payouts/", payouts.payouts, name="payouts"),
    path("payouts/<str:payout_id>/", payouts.payout, name="payout"),
    path("payouts/<str:payout_id>/state/", payouts.payout_state, name="payout-state"),
    path("payouts/<str:payout_id>/cancel/", payouts.cancel, name="payout-cancel"),
    path("balance/", balance.balance, name="balance"),
    path("balance/lines.csv", balance.export, name="balance-export"),
    path("members/", member_pages.listing, name="members"),
    path("members/<int:membership_id>/role/", member_pages.role, name="member-role"),
    path("members/<int:membership_id>/remove/", member_pages.remove, name="member-remove"),
    path(
        "members/invitations/<int:invitation_id>/withdraw/",
        member_pages.withdraw,
        name="invitation-withdraw",
    ),
    path(
        "members/invitations/<int:invitation_id>/link/",
        member_pages.link,
        name="invitation-link",
    ),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="account-password"),
    path("account/second-factor/", account.enrol, name="account-enrol"),
    path("account/second-factor/change/", account.factor, name="account-factor"),
    path("webhooks/", include("portal.webhooks.urls")),
    path("keys/", keys.keys, name="keys"),
    path("keys/new/", keys.new, name="key_new"),
    path("keys/<str:key_id>/rotate/", keys.rotate, name="key_rotate"),
    path("keys/<str:key_id>/revoke/", keys.revoke, name="key_revoke"),
    path("events/", events.events, name="events"),
    path("events/<str:event_id>/", events.event, name="event"),
]
