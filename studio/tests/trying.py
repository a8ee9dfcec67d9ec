"""How the tests try a persona."""

from llmconfig.models import AISettings, LLMConfig
from llmqueue.models import LLMRequest, Stop
from studio.models import Trial, TrialRun

TRY = "/personas/hermit/try/"


def form(*configs: LLMConfig, **values: str) -> dict:
    """What the form sends; `configs` are ticked."""
    return {"configs": [str(it.pk) for it in configs], "sample": "Why soup?", **values}


def now(run: TrialRun) -> LLMRequest:
    run.request.refresh_from_db()
    return run.request


def ai_off_for_all(trial: Trial) -> None:
    Stop.objects.create(scope="site")


def ai_off_for_the_tester(trial: Trial) -> None:
    AISettings.objects.create(user=trial.tester, ai_enabled=False)
