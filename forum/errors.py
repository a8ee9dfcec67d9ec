"""Situations in the forum; each `message` is for the person who caused it."""

from core.errors import ForllmError, NotAllowed


class TopicLocked(ForllmError):
    """The topic takes no posts, edits or asks from members."""

    message = "This topic is locked."


class PostDeleted(ForllmError):
    """The post's text is gone, so that it can be neither answered nor edited."""

    message = "This post has been deleted."


class ChangedMeanwhile(ForllmError):
    """The post's text is no longer the one that its editor began with."""

    message = (
        "This post was changed while you wrote. Its text of now stands under yours:"
        " saving again replaces it."
    )


class ParentElsewhere(ForllmError):
    """The post to answer stands in another topic."""

    message = "The post you answer is not in this topic."


class TextEmpty(ForllmError):
    """Nothing is left of a text once invisible characters are gone."""

    message = "There is nothing to read in this text."


class TooManyImages(ForllmError):
    """More pictures than a post may have."""

    message = "A post may have no more pictures than the form has room for."


class ImageGone(ForllmError):
    """A picture of the form is not the post's any more."""

    message = (
        "A picture of this post was taken out meanwhile. Please load the page again."
    )


class CannotSee(ForllmError):
    """No model that would answer sees pictures, and its asker did not agree to that."""


class PersonaNotOffered(ForllmError):
    """The persona cannot be asked here by this member."""

    message = "This persona cannot be asked here."


class AskerGone(ForllmError):
    """Nobody is left for whom the request could be made again."""

    message = "Whoever asked is no longer a member here. Ask a persona yourself."


class AIOffForYou(ForllmError):
    """The member switched AI off for themselves."""

    message = "AI is off for you. You can switch it on in Settings, under Models."


class ModelNotYours(ForllmError):
    """The config belongs to another member."""

    message = "This model is not one of yours."


class NotAssigned(ForllmError):
    """The persona does not belong to the subforum (any more)."""

    message = "This persona is not assigned here any more."


class OnlyStaffAssign(NotAllowed):
    """The site's settings leave assigning and defaults to staff."""

    message = "On this site only staff assign personas and choose defaults."
