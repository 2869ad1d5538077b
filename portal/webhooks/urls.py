"""Addresses below `webhooks/`; mails link to `<endpoint id>/` and `deliveries/<delivery id>/`."""

from django.urls import path

from portal.webhooks import changes, deliveries, endpoints

urlpatterns = [
    path("", endpoints.endpoints, name="webhooks"),
    path("new/", endpoints.new, name="webhook_new"),
    path("deliveries/", deliveries.deliveries, name="deliveries"),
    path("deliveries/<str:delivery_id>/", deliveries.delivery, name="delivery"),
    path("deliveries/<str:delivery_id>/retry/", deliveries.retry, name="delivery_retry"),
    path("deliveries/<str:delivery_id>/adopt/", deliveries.adopt, name="delivery_adopt"),
    path("<str:endpoint_id>/", endpoints.endpoint, name="webhook"),
    path("<str:endpoint_id>/live/", endpoints.live, name="webhook_live"),
    path("<str:endpoint_id>/edit/", changes.edit, name="webhook_edit"),
    path("<str:endpoint_id>/disable/", changes.disable, name="webhook_disable"),
    path("<str:endpoint_id>/enable/", changes.enable, name="webhook_enable"),
    path("<str:endpoint_id>/delete/", changes.delete, name="webhook_delete"),
    path("<str:endpoint_id>/rotate/", changes.rotate, name="webhook_rotate"),
    path("<str:endpoint_id>/prove/", changes.prove, name="webhook_prove"),
    path("<str:endpoint_id>/end-rotation/", changes.end_rotation, name="webhook_end_rotation"),
    path("<str:endpoint_id>/check/", changes.check, name="webhook_check"),
    path("<str:endpoint_id>/test/", changes.send_test, name="webhook_test"),
    path("<str:endpoint_id>/retry-failed/", changes.retry_failed, name="webhook_retry_failed"),
]
