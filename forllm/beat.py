"""Celery's clock: it only sends `llmqueue.sweep`, and for that needs no Django set-up.

`celery -A forllm.beat beat` takes half the memory of `celery -A forllm beat`.
"""

from celery import Celery

from forllm import settings

app = Celery("forllm-beat", fixups=[])
app.config_from_object(settings, namespace="CELERY")
