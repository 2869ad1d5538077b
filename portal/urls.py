"""The portal's addresses. How a page is added: `portal.scope`."""

from django.urls import include, path

from portal import account, events, home, keys
from portal.door import invitation, views

app_name = "portal"

urlpatterns = [
    path("", home.home, name="home"),
    path("login/", views.login, name="login"),
    path("login/code/", views.code, name="code"),
    path("logout/", views.logout, name="logout"),
    path("switch/", views.switch, name="switch"),
    path("invitation/<str:token>/", invitation.invitation, name="invitation"),
    path("account/", account.account, name="account"),
    path("webhooks/", include("portal.webhooks.urls")),
    path("keys/", keys.keys, name="keys"),
    path("keys/new/", keys.new, name="key_new"),
    path("keys/<str:key_id>/rotate/", keys.rotate, name="key_rotate"),
    path("keys/<str:key_id>/revoke/", keys.revoke, name="key_revoke"),
    path("events/", events.events, name="events"),
    path("events/<str:event_id>/", events.event, name="event"),
]
