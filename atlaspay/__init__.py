"""AtlasPay project package; loads the Celery app so that `shared_task` never binds to a default
broker.
"""

from atlaspay.celery import app as celery_app

__all__ = ["celery_app"]
