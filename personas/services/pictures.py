"""Pictures that nobody shows any more."""

from itertools import chain

from core import images
from personas.models import Persona, PersonaDraft


def clean_pictures() -> int:
    """Remove the files of pictures that no persona and no draft has; how many they were.

    None that was stored within a day. A deleted persona keeps its picture: its posts
    stand.
    """
    old = images.old_avatars()  # before the rows: what is stored after this is not old
    used = {
        name.rpartition("/")[2]
        for name in chain(
            Persona.objects.values_list("avatar_image", flat=True),
            PersonaDraft.objects.values_list("avatar_image", flat=True),
        )
    }
    return sum(images.remove_old(name) for name in old if name not in used)
