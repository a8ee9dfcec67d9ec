"""The site's own prompts, for personas that are told no more than their role."""

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import record
from core.models import SiteSettings
from personas import definitions
from personas.errors import SystemPromptNameTaken
from personas.models import SystemPrompt


@transaction.atomic
def create_system_prompt(
    *, name: str, text: str, is_default: bool, actor: User
) -> SystemPrompt:
    """Add a prompt. Raises DefinitionRefused or SystemPromptNameTaken."""
    prompt = _save(SystemPrompt(), name, text, is_default)
    _record(prompt, "created", actor)
    return prompt


@transaction.atomic
def change_system_prompt(
    *, prompt: SystemPrompt, name: str, text: str, is_default: bool, actor: User
) -> SystemPrompt:
    """Change a prompt; the next request is told so. Raises what creating one raises."""
    _save(prompt, name, text, is_default)
    _record(prompt, "changed", actor)
    return prompt


@transaction.atomic
def make_default_prompt(*, prompt: SystemPrompt, actor: User) -> SystemPrompt:
    """Have it fill in; the one that did so before does not any more."""
    _hold()
    _unset_others(prompt)
    prompt.is_default = True
    prompt.save(update_fields=["is_default"])
    _record(prompt, "made_default", actor)
    return prompt


@transaction.atomic
def delete_system_prompt(*, prompt: SystemPrompt, actor: User) -> None:
    """Delete it; with the default one, nothing fills in."""
    _record(prompt, "deleted", actor)
    prompt.delete()


def _save(prompt: SystemPrompt, name: str, text: str, is_default: bool) -> SystemPrompt:
    prompt.name = name
    prompt.text = definitions.check_one("instructions", text)
    _hold()
    if is_default:
        _unset_others(prompt)
    prompt.is_default = is_default
    try:
        with transaction.atomic():
            prompt.save()
    except IntegrityError:
        raise SystemPromptNameTaken from None
    return prompt


def _hold() -> None:
    """One change of the site's prompts at a time, so that one at most is the default."""
    SiteSettings.objects.select_for_update(no_key=True).get(pk=SiteSettings.load().pk)


def _unset_others(prompt: SystemPrompt) -> None:
    others = SystemPrompt.objects.filter(is_default=True).exclude(pk=prompt.pk)
    others.update(is_default=False)


def _record(prompt: SystemPrompt, what: str, actor: User) -> None:
    record(
        actor=actor,
        action=f"systemprompt {what}",
        subject=("systemprompt", prompt.pk),
        is_default=prompt.is_default,
    )
