"""Asks and the posts they belong to."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "a reply whose ask is gone is refused",
        "forum/replies.py",
        '        if ask is None:\n            raise Refused("gone")\n',
        "        assert ask is not None\n",
        (
            "forum/tests/test_replies.py::test_a_reply_whose_ask_is_gone_ends_as_cancelled",
        ),
    ),
    Mutant(
        "an answer that was not posted yet is not tried again",
        "forum/ask_states.py",
        "if attempt and attempt.outcome in ANSWERS:",
        "if attempt and attempt.outcome in ():",
        (
            "forum/tests/test_asks_views.py::test_an_answer_whose_worker_was_lost_waits_to_be_posted",
        ),
    ),
    Mutant(
        "asking waits for a topic that is being locked",
        "forum/services/asks.py",
        "topic = Topic.objects.hold(post.topic_id)",
        "topic = Topic.objects.get(pk=post.topic_id)",
        (
            "forum/tests/test_locks.py::test_an_ask_waits_for_a_topic_that_is_being_locked",
        ),
    ),
    Mutant(
        "delivering waits for a topic that is being locked",
        "forum/replies.py",
        "topic = Topic.objects.hold(ask.post.topic_id)",
        "topic = Topic.objects.get(pk=ask.post.topic_id)",
        (
            "forum/tests/test_locks.py::test_a_delivery_waits_for_a_topic_that_is_being_locked",
        ),
    ),
    Mutant(
        "a text deleted while a prompt is built is in no stored prompt",
        "forum/conversations.py",
        "    Topic.objects.hold_words(target.topic_id)\n",
        "",
        (
            "forum/tests/test_locks.py::test_a_text_deleted_while_a_prompt_is_built_is_in_no_stored_prompt",
        ),
    ),
    Mutant(
        "a deletion does not forget a post written meanwhile",
        "forum/services/posts.py",
        "    subforum.select_for_update(no_key=True).get()\n",
        "",
        (
            "forum/tests/test_locks.py::test_a_deletion_does_not_forget_a_post_written_meanwhile",
        ),
    ),
    Mutant(
        "requests are cancelled in one order",
        "forum/services/asks.py",
        'held.order_by("request")',
        'held.order_by("pk")',
        (
            "forum/tests/test_locks.py::test_what_is_cancelled_together_is_cancelled_in_one_order",
        ),
    ),
    Mutant(
        "a deletion that waits for its topic holds no limit",
        "forum/services/posts.py",
        "    unanswered = asks.hold_open_on(post)\n",
        "    unanswered = asks.hold_open_on(post)\n"
        '    asks.cancel(held=unanswered, reason="The post was deleted.")\n',
        (
            "forum/tests/test_locks.py::test_a_deletion_that_waits_for_its_topic_holds_no_limit",
        ),
    ),
    Mutant(
        "a request is retried once, whoever presses",
        "forum/services/asks.py",
        " or _retried_before(retry_of)",
        "",
        (
            "forum/tests/test_asks_service.py::test_asker_and_staff_retry_a_failed_ask_together_once",
        ),
    ),
    Mutant(
        "a retry keeps the model that was chosen",
        "forum/services/asks.py",
        "        config=old.config,\n",
        "",
        ("forum/tests/test_asks_service.py::test_a_retry_keeps_what_was_chosen",),
    ),
    Mutant(
        "a notice is counted as seen once, whoever looks at the same time",
        "forum/services/notices.py",
        "unseen.filter(ask__in=Ask.objects.filter(here))",
        "unseen.filter(Q(ask__reply__in=shown) | Q(ask__reply=None, ask__post__in=shown))",
        (
            "forum/tests/test_notices.py::test_two_pages_at_once_count_a_notice_as_seen_once",
        ),
    ),
]
