"""POST /v1/batches."""

from functools import partial

from django.db import transaction
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.baseline.serializers import BatchSerializer
from bench.baseline.tasks import process_payout


class BatchView(APIView):
    """Takes a batch in and queues a task for each payout after the commit."""

    def post(self, request: Request) -> Response:
        """Validate, save, queue."""
        serializer = BatchSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            batch = serializer.save()
            for payout_id in batch.payouts.values_list("id", flat=True):
                transaction.on_commit(partial(process_payout.delay, payout_id))
        return Response({"id": batch.id, "status": "queued"}, status=status.HTTP_202_ACCEPTED)
