"""Favourites: the configs a member keeps at hand beside *Ask*."""

from django.db import transaction
from django.db.models import Max

from accounts.models import User
from core.errors import NotAllowed
from llmconfig.errors import TooManyFavourites
from llmconfig.models import Favourite, LLMConfig

# A quick choice is short.
MOST = 12


@transaction.atomic
def keep_favourite(*, config: LLMConfig, member: User) -> None:
    """Put `config` at the end of the member's favourites, once.

    Raises NotAllowed for a config that is not theirs to use, or TooManyFavourites.
    """
    User.objects.select_for_update(no_key=True).get(pk=member.pk)
    if not LLMConfig.objects.usable_by(member).filter(pk=config.pk).exists():
        raise NotAllowed
    own = Favourite.objects.filter(user=member)
    if own.filter(config=config).exists():
        return
    if own.count() >= MOST:
        raise TooManyFavourites
    last = own.aggregate(last=Max("position"))["last"]
    Favourite.objects.create(
        user=member, config=config, position=0 if last is None else last + 1
    )


def drop_favourite(*, config: LLMConfig, member: User) -> None:
    """Take `config` from the member's favourites."""
    Favourite.objects.filter(user=member, config=config).delete()
