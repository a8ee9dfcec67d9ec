"""What a persona on trial is shown: a post in its topic, or a text on its own."""

from accounts.models import User
from forum.conversations import conversation_at
from forum.models import Post
from llmqueue.handlers import Conversation, Passage

# The source of a prompt's parts that are made of a sample; the key is its trial's.
SAMPLE = "trial"

SAMPLE_TEXT = "Who are you, and what can you help me with?"
_OPENING = (
    "Hello all. I have just joined and am looking around. Before I ask anything real I"
    " would like to know whom I am talking to."
)
_PLACE = "You are on the test bench: a try-out that nobody else reads."


def conversation_of(
    *, post: Post | None, sample: str, asker: User, key: str = "", most_passages: int
) -> Conversation:
    """The topic around `post`, or `sample` as `asker`'s words when there is no post.

    SAMPLE_TEXT stands in a short conversation of its own. `key`: of the sample's trial.
    """
    if post is not None:
        return conversation_at(post, most_passages=most_passages)
    author = f"@{asker.handle.name}"
    is_built_in = sample == SAMPLE_TEXT
    return Conversation(
        place=_PLACE,
        title="Getting to know each other" if is_built_in else "",
        target=Passage(2, author, sample, key),
        opening=1 if is_built_in else None,
        passages=[Passage(1, author, _OPENING, key)] if is_built_in else [],
        source_kind=SAMPLE,
    )
