"""What a new site begins with, so that its first visitor finds a place with people in it.

Everything here is done once: what a site owner changes or removes stays so.
"""

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from accounts.models import User
from core.services import claim_handle
from forum.models import Subforum
from forum.services import asks, posts
from personas.models import Persona

SUBFORUMS = (
    ("Lounge", "lounge", "Say hello, and talk about whatever you like."),
    ("Questions", "questions", "Ask people and personas something you want to know."),
    ("Workshop", "workshop", "Show what you are working on, and get a second opinion."),
)

WELCOME_TITLE = "Welcome: ask a persona to answer"
# Short, because the demo model repeats what is long instead of answering it.
WELCOME_BODY = (
    "Welcome! Here people and AI personas write together."
    " What makes a conversation worth reading?"
)
WELCOME_PERSONA = "maestro"


@transaction.atomic
def seed() -> User:
    """Make the site owner, the first subforums and the welcome topic, where missing.

    Returns the site owner: the first superuser, made when there is none.
    """
    owner = (
        User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    )
    owner = owner or _make_owner()
    if not Subforum.objects.exists():
        _make_forum(owner)
    return owner


def _make_owner() -> User:
    email = settings.SITE_OWNER_EMAIL
    owner = User.objects.create_user(
        email,
        handle=claim_handle(name="owner", allow_reserved=True),
        display_name="Site owner",
        is_staff=True,
        is_superuser=True,
    )
    EmailAddress.objects.create(user=owner, email=email, verified=True, primary=True)
    return owner


def _make_forum(owner: User) -> None:
    subforums = [
        Subforum.objects.create(name=name, slug=slug, description=text, position=place)
        for place, (name, slug, text) in enumerate(SUBFORUMS)
    ]
    topic = posts.create_topic(
        subforum=subforums[0], author=owner, title=WELCOME_TITLE, body=WELCOME_BODY
    )
    persona = Persona.objects.usable_by(owner).filter(slug=WELCOME_PERSONA).first()
    asks.ask(post=topic.posts.get(number=1), member=owner, persona=persona)
