"""The portal's addresses. How a page is added: `portal.scope`."""

from django.urls import path

from portal import account, home
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
]
