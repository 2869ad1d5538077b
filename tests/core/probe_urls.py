"""Addresses that break in every way a view can; the tests' ROOT_URLCONF."""

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from psycopg import errors as pg
from rest_framework import exceptions as drf
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from atlaspay.core import context
from atlaspay.core.errors import ConflictError, InvalidRequestError
from atlaspay.urls import urlpatterns as real
from partners.models import ApiKey, Scope

handler400 = "atlaspay.core.problems.bad_request"
handler403 = "atlaspay.core.problems.permission_denied"
handler404 = "atlaspay.core.problems.page_not_found"
handler500 = "atlaspay.core.problems.server_error"


class Inner(serializers.Serializer):
    iban = serializers.CharField(max_length=4)


class Body(serializers.Serializer):
    amount_minor = serializers.IntegerField(min_value=1)
    accounts = Inner(many=True, required=False)


class Echo(APIView):
    """Reads and writes; PUT has no scope named."""

    required_scopes = {"GET": Scope.PAYOUTS_READ, "POST": Scope.PAYOUTS_WRITE}

    def get(self, request: Request) -> Response:
        return Response(
            {
                "actor": context.actor(),
                "request_id": context.current().request_id,
                "partner_id": request.user.partner_id,
                "peer": request.META["REMOTE_ADDR"],
            }
        )

    def post(self, request: Request) -> Response:
        return Response({"got": request.data}, status=201)

    def put(self, request: Request) -> Response:
        return Response({})


class Validate(APIView):
    required_scopes = {"POST": Scope.PAYOUTS_WRITE}

    def post(self, request: Request) -> Response:
        body = Body(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(body.validated_data)


class NoScopes(APIView):
    def get(self, request: Request) -> Response:
        return Response({})


def operational(cause: Exception) -> OperationalError:
    error = OperationalError("secret host 10.0.0.5")
    error.__cause__ = cause
    return error


CAUSES = {
    "boom": RuntimeError("secret internals"),
    "conflict": ConflictError("Not now.", extra={"state": "sent"}),
    "fields": InvalidRequestError("No.", errors=[{"pointer": "/a", "code": "b", "detail": "c"}]),
    "lock": operational(pg.LockNotAvailable()),
    "deadlock": operational(pg.DeadlockDetected()),
    "gone": operational(pg.ConnectionTimeout()),
    "http404": Http404(),
    "denied": PermissionDenied(),
    "suspicious": SuspiciousOperation("x"),
    "drf": drf.NotFound(),
}


class Break(APIView):
    required_scopes = {"GET": Scope.PAYOUTS_READ}

    def get(self, request: Request, how: str) -> Response:
        raise CAUSES[how]


def plain(request: HttpRequest, how: str) -> HttpResponse:
    raise CAUSES[how]


def context_now(request: HttpRequest) -> HttpResponse:
    bound = context.current()
    return JsonResponse({"actor": bound.actor, "user_id": bound.user_id})


def rename_key(request: HttpRequest, key_id: str) -> HttpResponse:
    key = ApiKey.objects.get(id=key_id)
    key.name = "renamed"
    key.save()
    return HttpResponse()


def slow(request: HttpRequest) -> HttpResponse:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 50")
        cursor.execute("SELECT pg_sleep(5)")
    return HttpResponse()


urlpatterns = [
    path("v1/echo", Echo.as_view()),
    path("v1/validate", Validate.as_view()),
    path("v1/no-scopes", NoScopes.as_view()),
    path("v1/break/<how>", Break.as_view()),
    path("v1/plain/<how>", plain),
    path("v1/slow", slow),
    path("html/<how>", plain),
    path("console/who", context_now),
    path("console/rename/<key_id>", rename_key),
    *real,
]
