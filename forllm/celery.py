"""The Celery application, which carries nudges to the workers."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forllm.settings")

app = Celery("forllm")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
