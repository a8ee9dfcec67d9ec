"""What a handle may be, and what look-alikes have in common."""

import re
import unicodedata

from core.errors import HandleRefused

MAX_LENGTH = 30
_ALLOWED = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")

# Letters and digits that are read as one another in common typefaces.
_LOOKALIKES = str.maketrans({"0": "o", "1": "i", "l": "i", "5": "s", "|": "i"})
# Letters of other alphabets, and the Latin ones drawn like them.
_FOREIGN = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԚԜавеѕіјӏкмнорстухԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβικνορτυχıłøđɑɡʀɪɴᴀᴄᴇᴍᴏᴛ",
    "ABESIJKMHOPCTYXQWabesijlkmhopctyxdhqwABEZHIKMNOPTYXabiknoptyxilodagrinacemot",
)

RESERVED = frozenset(
    "admin administrator all anonymous everyone forllm guest help here"
    " mod moderator moderators nobody null official owner postmaster root security"
    " settings site siteowner staff superuser support system team undefined webmaster".split()
)


def skeleton(name: str) -> str:
    """The form that `name` shares with every name it could be mistaken for.

    `name` may be a handle or a name of any letters; accents, spaces and signs do not
    tell names apart.
    """
    plain = unicodedata.normalize("NFKD", name).translate(_FOREIGN).casefold()
    folded = "".join(sign for sign in plain.translate(_LOOKALIKES) if sign.isalnum())
    return folded.replace("rn", "m").replace("vv", "w")


_RESERVED_SKELETONS = frozenset(skeleton(word) for word in RESERVED)


def is_reserved(name: str) -> bool:
    """Whether `name` is, or looks like, one that the site keeps for itself."""
    return skeleton(name) in _RESERVED_SKELETONS


def check_handle(name: str, *, allow_reserved: bool = False) -> str:
    """Return `name` if it may be a handle; raise HandleRefused with the reason if not."""
    if not 2 <= len(name) <= MAX_LENGTH:
        raise HandleRefused(f"A handle has 2 to {MAX_LENGTH} letters.")
    if not _ALLOWED.fullmatch(name):
        raise HandleRefused(
            "A handle begins with a letter and has only letters a to z, digits, and"
            " single - or _ between them."
        )
    if not allow_reserved and is_reserved(name):
        raise HandleRefused("This handle is kept for the site itself.")
    return name
