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
    "АВЕЅІЈКМНОРСТУХԚԜавеѕіјӏкмнорстухԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβικνορτυχıłøđɑɡʀɪɴᴀᴄᴇᴍᴏᴛгпσεηωօոս",
    "ABESIJKMHOPCTYXQWabesijlkmhopctyxdhqwABEZHIKMNOPTYXabiknoptyxilodagrinacemotrnoenwonu",
)

# Letters in boxes, which are shown as flags where two of them name a country.
_BOXED = {0x1F1E6 + place: chr(ord("a") + place) for place in range(26)}

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
    plain = (
        unicodedata.normalize("NFKD", name).translate({**_FOREIGN, **_BOXED}).casefold()
    )
    folded = "".join(sign for sign in plain.translate(_LOOKALIKES) if sign.isalnum())
    return folded.replace("rn", "m").replace("vv", "w")


_RESERVED_SKELETONS = frozenset(skeleton(word) for word in RESERVED)

# What is put beside a name without making it another one.
_CLAIMS = frozenset(skeleton(word) for word in "ai bot llm official persona".split())
_ADDITIONS = _CLAIMS | frozenset(
    skeleton(word)
    for word in "a an and at by for from of on real staff support team the true"
    " forum forums verified version your".split()
)
_VERSION = re.compile(r"v?\.?[0-9.]+")
_WORD = re.compile(r"[^\W_]+")
_ATTACHED = re.compile(
    rf"(?:{'|'.join(sorted(_CLAIMS | {'team', 'staff', 'the'}))})*(.+?)"
    rf"(?:{'|'.join(sorted(_CLAIMS | {'team', 'staff'}))})*"
)


def readings(name: str) -> set[str]:
    """The skeletons of `name`, whole and without what says only what somebody is.

    `Maestro`, `Maestro (AI persona)`, `the-maestro v1` and `MaestroBot` share one.
    """
    words = [word for word in _words(name) if word not in _ADDITIONS]
    found = {skeleton(name), "".join(words)}
    attached = (_ATTACHED.fullmatch(reading) for reading in tuple(found))
    return (found | {match[1] for match in attached if match}) - {""}


def is_reserved(name: str) -> bool:
    """Whether `name` is, or looks like, one that the site keeps for itself."""
    if readings(name) & _RESERVED_SKELETONS:
        return True
    words = set(_words(name))
    return words <= _RESERVED_SKELETONS | _ADDITIONS and bool(
        words & (_RESERVED_SKELETONS | _CLAIMS)
    )


def _words(name: str) -> list[str]:
    """The skeletons of the words in `name`; versions are none."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    words = (word for word in _WORD.findall(plain) if not _VERSION.fullmatch(word))
    return [skeleton(word) for word in words]


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
