"""What readers hear while an answer is written, and who may listen."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "a waiting request that is gone is told to who reads",
        "llmqueue/live/streams.py",
        "leases.get(it, _ABSENT)",
        "leases.get(it)",
        (
            "llmqueue/tests/test_streams.py::test_a_waiting_request_that_is_gone_is_told",
        ),
    ),
    Mutant(
        "after Valkey was away readers get the whole text",
        "llmqueue/live/publishing.py",
        "                stream.forget_sent()\n",
        "                pass\n",
        (
            "llmqueue/tests/test_live.py::test_after_valkey_was_away_readers_get_the_whole_text",
        ),
    ),
    Mutant(
        "an error nobody foresaw does not end the publishing thread",
        "llmqueue/live/publishing.py",
        "except Exception as error:  # the thread serves",
        "except ZeroDivisionError as error:  # the thread serves",
        (
            "llmqueue/tests/test_live.py::test_publishing_survives_an_error_nobody_foresaw",
        ),
    ),
    Mutant(
        "readers share the connection that listens",
        "llmqueue/live/listening.py",
        "            async with self._subscribing:\n                await self._pubsub.sub",
        "            if self:\n                await self._pubsub.sub",
        (
            "llmqueue/tests/test_live.py::test_many_readers_at_once_share_the_connections",
        ),
    ),
    Mutant(
        "readers share the connection that reads",
        "llmqueue/live/listening.py",
        "        async with self._reading:\n",
        "        if self:\n",
        (
            "llmqueue/tests/test_live.py::test_many_readers_at_once_share_the_connections",
        ),
    ),
    Mutant(
        "the address of a stream expires",
        "llmqueue/live/streams.py",
        "max_age=TOKEN_AGE_SECONDS",
        "max_age=None",
        ("forum/tests/test_live.py::test_a_token_expires",),
    ),
    Mutant(
        "the address of a stream is for one session",
        "llmqueue/live/streams.py",
        'return bool(content == {"of": scope, "s": _session_mark(request)})',
        'return bool(content["of"] == scope)',
        ("forum/tests/test_live.py::test_a_token_is_for_one_session",),
    ),
    Mutant(
        "the rights of who reads a stream are looked at again",
        "forum/live.py",
        """        if not Topic.objects.visible_to(reader).filter(pk=topic_id).exists():
            return None
""",
        "",
        (
            "forum/tests/test_live.py::test_an_open_stream_ends_when_its_reader_may_no_longer_read",
        ),
    ),
    Mutant(
        "what a muted persona writes is not sent to whoever muted it",
        "forum/live.py",
        "    if not Persona.objects.muted_by(reader).exists():\n",
        "    if reader:\n",
        ("forum/tests/test_muted_streams.py::test_its_words_are_sent_to_others_alone",),
    ),
    Mutant(
        "nor if nobody knew before that it would write",
        "llmqueue/live/listening.py",
        """                    if news["lease"] != checked:
                        continue
""",
        "",
        (
            "forum/tests/test_muted_streams.py"
            "::test_they_are_not_sent_either_if_nobody_knew_that_it_would_write",
        ),
    ),
]
