"""What a member sets for one persona, for themselves alone."""

from django.db import transaction

from accounts.models import User
from llmconfig.models import LLMConfig
from llmconfig.services.members import check_usable
from personas import definitions
from personas.erasing import erase
from personas.errors import OwnPromptNotAllowed
from personas.models import Identity, Persona, UserPersonaSettings


def own_settings(*, persona: Persona, user: User) -> UserPersonaSettings:
    """What the member set for the persona; unsaved when they set nothing yet."""
    found = UserPersonaSettings.objects.filter(persona=persona, user=user).first()
    return found or UserPersonaSettings(persona=persona, user=user)


@transaction.atomic
def change_own_settings(
    *,
    persona: Persona,
    user: User,
    identity: Identity | None,
    is_muted: bool,
    own_prompt: str,
) -> UserPersonaSettings:
    """Set all of these; `identity`, one of the member's, None for their default one.

    What is stored of their instructions stays while the owner forbids them, and can be
    emptied; another text raises OwnPromptNotAllowed. Raises DefinitionRefused. Emptying
    it also erases it in the prompts that were sent.
    """
    own_prompt = definitions.check_one("instructions", own_prompt)
    own, _ = UserPersonaSettings.objects.get_or_create(persona=persona, user=user)
    is_new = own_prompt not in ("", own.own_prompt)
    if is_new and not persona.own_prompt_allowed:
        raise OwnPromptNotAllowed
    if own.own_prompt and not own_prompt:
        erase("own_prompt", own.pk)
    own.identity = identity
    own.is_muted = is_muted
    own.own_prompt = own_prompt
    own.save(update_fields=["identity", "is_muted", "own_prompt"])
    return own


@transaction.atomic
def set_own_model(*, persona: Persona, user: User, config: LLMConfig | None) -> None:
    """Let the persona answer the member with `config`; None: with whatever fits.

    All else they set for it stays. Raises NotAllowed if it is another member's.
    """
    check_usable(config, user)
    own, is_new = UserPersonaSettings.objects.get_or_create(
        persona=persona, user=user, defaults={"config": config}
    )
    if not is_new:
        UserPersonaSettings.objects.filter(pk=own.pk).update(config=config)
