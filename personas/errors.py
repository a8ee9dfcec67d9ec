"""What can stand against shaping a persona."""

from core.errors import ForllmError, NotAllowed


class DefinitionRefused(ForllmError):
    """Some fields cannot be so; `problems` says of each, by its name, what is wrong."""

    message = "Some of this cannot stay as it is."

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__(" ".join(problems.values()))


class NameNeeded(ForllmError):
    """The name is empty or too long."""

    message = "A persona needs a name of at most 60 characters."


class EmojiRefused(ForllmError):
    """What should be an emoji is something else."""

    message = "Please give one emoji, or nothing."


class TagsRefused(ForllmError):
    """There are too many tags, or one is too long or no word."""


class TooManyDrafts(ForllmError):
    """The member has begun as many personas as they may, and published none of them."""

    message = (
        "You have many personas that were never published. Please publish or delete"
        " one of them first."
    )


class DraftGone(ForllmError):
    """The draft was published or discarded already."""

    message = "This draft is published already, or was discarded."


class PersonaNameTaken(ForllmError):
    """Another persona that the same people meet is called so."""

    message = "Another persona is called so. Please choose another name."


class ChangedMeanwhile(ForllmError):
    """Somebody else published a version since this draft was begun."""

    message = "Somebody else published a version since you began."


class NothingChanged(ForllmError):
    """The draft says what the current version says already."""

    message = "Nothing has changed, so there is no new version to publish."


class FallbackStays(ForllmError):
    """The persona answers when nobody else can, so it is neither deleted nor hidden."""

    message = "This persona answers when nobody else can; it stays, open to everybody."


class VersionErased(ForllmError):
    """Nothing is left of the version that could be said again."""

    message = "This version was erased; nothing is left to go back to."


class NotPublic(ForllmError):
    """Not everybody may ask the persona, so it cannot be a default."""

    message = "Only a published persona that everybody may ask can be a default."


class OwnerNeeded(ForllmError):
    """Nobody would own the persona any more."""

    message = (
        "A persona needs an owner. Please make somebody else its owner first, hand it"
        " over, or delete it."
    )


class OwnersOnly(NotAllowed):
    """An editor wants to do what only owners do."""

    message = "Only its owners change who shapes this persona."


class AlreadyThere(ForllmError):
    """The member is in the list already."""

    message = "This member is in the list already."


class GroupNameTaken(ForllmError):
    """Another group is called so."""

    message = "Another group is called so. Please choose another name."


class AliasRefused(ForllmError):
    """This name cannot be another name of that persona; the message says why."""

    message = "This name cannot be used."


class IdentityNameTaken(ForllmError):
    """The member has an identity of this name."""

    message = "You have an identity of this name already."


class TooMany(ForllmError):
    """As many of these as one may have; the message says how many that is."""

    message = "You have as many of these as fit. Delete one first."


class OwnPromptNotAllowed(ForllmError):
    """The persona's owner lets nobody put instructions of their own in its place."""

    message = "The owner of this persona does not allow instructions of your own."


class SystemPromptNameTaken(ForllmError):
    """Another of the site's prompts is called so."""

    message = "Another prompt is called so."
