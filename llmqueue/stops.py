"""What keeps calls from being made: off wins, wherever it is set."""

from django.conf import settings

from llmqueue.models import LLMRequest, Stop
from llmqueue.resolution.receipts import Receipt


def ai_is_on() -> bool:
    """Whether any new call may be made at all."""
    return settings.AI_FEATURES_ENABLED and not site_stop()


def site_stop() -> Stop | None:
    """The stop of the whole site, if there is one."""
    return Stop.objects.active().of_site().first()


def stop_of(request: LLMRequest, receipt: Receipt) -> Stop | None:
    """What keeps `request` from being answered as `receipt` says; one query."""
    return Stop.objects.against(
        endpoint=receipt.choice.endpoint.pk,
        persona=receipt.persona.pk,
        place=(request.place_kind, request.place_key),
    ).first()


def is_stopped(request: LLMRequest, receipt: Receipt) -> bool:
    """Whether no such call may begin now, by a stop or by the site's environment."""
    return not settings.AI_FEATURES_ENABLED or stop_of(request, receipt) is not None


def stop_of_asking(*, persona: int | None, place: tuple[str, str]) -> Stop | None:
    """What keeps anybody from asking there, or that persona; None: nobody in particular.

    A stopped endpoint does not: what is asked waits until it answers again.
    """
    return Stop.objects.against(persona=persona, place=place).first()
