"""The worker processes that are there."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class WorkerHeartbeat(models.Model):
    """A worker process that was alive at `seen_at`."""

    name = models.CharField(max_length=100, primary_key=True)
    seen_at = models.DateTimeField()
    running_count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def any_alive(cls) -> bool:
        """Whether some worker is there."""
        return cls.alive().exists()

    @classmethod
    def alive(cls) -> models.QuerySet["WorkerHeartbeat"]:
        """Those seen within three beats, by the database's clock."""
        since = Now() - 3 * settings.LLM_HEARTBEAT
        return cls.objects.filter(seen_at__gte=since)
