"""What a handle may be, and what look-alikes have in common."""

import re

from core.errors import HandleRefused

MAX_LENGTH = 30
_ALLOWED = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")

# Letters and digits that are read as one another in common typefaces.
_LOOKALIKES = str.maketrans({"0": "o", "1": "i", "l": "i", "5": "s", "-": "", "_": ""})

RESERVED = frozenset(
    "admin administrator all anonymous everyone forllm guest help here"
    " mod moderator moderators nobody null official owner postmaster root security"
    " settings site staff superuser support system team undefined webmaster".split()
)


def skeleton(name: str) -> str:
    """The form that `name` shares with every name it could be mistaken for."""
    folded = name.lower().translate(_LOOKALIKES)
    return folded.replace("rn", "m").replace("vv", "w")


_RESERVED_SKELETONS = frozenset(skeleton(word) for word in RESERVED)


def check_handle(name: str, *, allow_reserved: bool = False) -> str:
    """Return `name` if it may be a handle; raise HandleRefused with the reason if not."""
    if not 2 <= len(name) <= MAX_LENGTH:
        raise HandleRefused(f"A handle has 2 to {MAX_LENGTH} letters.")
    if not _ALLOWED.fullmatch(name):
        raise HandleRefused(
            "A handle begins with a letter and has only letters a to z, digits, and"
            " single - or _ between them."
        )
    if not allow_reserved and skeleton(name) in _RESERVED_SKELETONS:
        raise HandleRefused("This handle is kept for the site itself.")
    return name
