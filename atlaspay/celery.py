"""The Celery application: nudges that carry no money, one queue a kind of work."""

import os

from celery import Celery, Task
from celery.signals import beat_init, setup_logging, task_postrun, task_prerun, worker_process_init

from atlaspay.core import collector

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atlaspay.settings")

app = Celery("atlaspay")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _keep_django_logging(**_: object) -> None:
    """Leave logging as the settings configured it."""


@worker_process_init.connect
def _calm_collector(**_: object) -> None:
    """Once a child, before its first task."""
    collector.calm()


@beat_init.connect
def _count_at_once(**_: object) -> None:
    """Beat waits a whole period before its first tick; a fresh platform has figures before that."""
    from atlaspay.core import nudge  # noqa: PLC0415 - it needs this module

    for task_name in ("payouts.roll_up", "webhooks.roll_up"):
        nudge.send(task_name, queue="chores")


@task_prerun.connect
def _bind_context(task_id: str, task: Task, **_: object) -> None:
    from atlaspay.core import context  # noqa: PLC0415 - settings are loaded only now

    context.set_fields(
        actor=f"system:{task.name}", task_id=task_id, request_id="", reason="", user_id=None
    )


@task_postrun.connect
def _unbind_context(**_: object) -> None:
    from atlaspay.core import context  # noqa: PLC0415 - settings are loaded only now

    context.set_fields(actor="system:unbound", task_id="", request_id="", reason="", user_id=None)
