"""Writing, editing and deleting, and the counters that must stay right."""

import threading
import uuid

import pytest
from django.db import IntegrityError, connection, transaction

from core.errors import NotAllowed
from forum.errors import (
    ParentElsewhere,
    PostDeleted,
    TextEmpty,
    TopicLocked,
)
from forum.models import MAX_DEPTH, Post, PostRevision, Subforum, Topic
from forum.services import asks, posts
from llmqueue.models import Status

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("F-10")
def test_a_topic_begins_with_its_first_post(subforum, alice):
    topic = posts.create_topic(
        subforum=subforum, author=alice, title="Söup & *stock*", body="**Hot**"
    )

    opening = topic.posts.get()
    assert (topic.slug, topic.posts_count, topic.last_number) == ("soup-stock", 1, 1)
    assert (opening.number, opening.parent_number, opening.depth) == (1, None, 0)
    assert opening.html == "<p><strong>Hot</strong></p>\n"
    assert topic.last_post == opening
    subforum.refresh_from_db()
    assert (subforum.topics_count, subforum.posts_count) == (1, 1)
    assert subforum.last_topic == topic


def test_a_title_without_letters_still_has_an_address(subforum, alice):
    topic = posts.create_topic(subforum=subforum, author=alice, title="🍲", body="a")

    assert topic.get_absolute_url() == f"/t/topic-{topic.pk}/"


@pytest.mark.requirement("F-11")
def test_replies_form_a_tree(opening, bob):
    first = posts.reply(parent=opening, author=bob, body="one")
    second = posts.reply(parent=opening, author=bob, body="two")
    under_first = posts.reply(parent=first, author=bob, body="three")

    in_tree = list(Post.objects.filter(topic=opening.topic).in_tree())
    assert in_tree == [opening, first, under_first, second]
    assert [post.depth for post in in_tree] == [0, 1, 2, 1]
    assert under_first.parent_number == first.number


def test_a_very_deep_reply_stands_beside_its_parent(opening, bob):
    parent = opening
    for _ in range(MAX_DEPTH + 2):
        parent = posts.reply(parent=parent, author=bob, body="deeper")

    assert parent.depth == MAX_DEPTH
    assert parent.parent_number == parent.number - 1


@pytest.mark.requirement("F-11")
def test_a_parent_in_another_topic_is_refused(opening, subforum, bob):
    other = posts.create_topic(subforum=subforum, author=bob, title="b", body="b")

    with pytest.raises(ParentElsewhere):
        posts.reply(parent=opening, topic=other, author=bob, body="astray")
    with pytest.raises(ParentElsewhere), transaction.atomic():
        posts.insert_post(topic=other, parent=opening, author=bob, body="a", html="a")

    assert Post.objects.count() == 2


@pytest.mark.requirement("F-11")
def test_the_database_refuses_a_parent_in_another_topic(opening, subforum, bob):
    posts.reply(parent=opening, author=bob, body="number two here")
    other = posts.create_topic(subforum=subforum, author=bob, title="b", body="b")

    other.posts.update(number=3, parent_number=2)
    with pytest.raises(IntegrityError):
        connection.check_constraints()


@pytest.mark.parametrize("body", ["", "  \n ", "\u200b\u00ad", "\U000e0041", "\u2800"])
def test_a_text_without_anything_to_read_is_refused(opening, bob, body):
    with pytest.raises(TextEmpty):
        posts.reply(parent=opening, author=bob, body=body)

    assert Post.objects.count() == 1


@pytest.mark.fault("B8")
def test_a_post_is_stored_without_invisible_characters(opening, bob):
    post = posts.reply(parent=opening, author=bob, body="a\u200bb\r\nc\U000e0041")

    assert post.body == "ab\nc"


def test_a_locked_topic_takes_no_replies(opening, bob, staff):
    Topic.objects.update(is_locked=True)

    for member in (bob, staff):
        with pytest.raises(TopicLocked):
            posts.reply(parent=opening, author=member, body="late")

    assert Post.objects.count() == 1


def test_a_locked_topic_is_edited_by_staff_alone(opening, alice, staff, subforum):
    theirs = posts.create_topic(subforum=subforum, author=staff, title="a", body="a")
    Topic.objects.update(is_locked=True)

    with pytest.raises(TopicLocked):
        posts.edit_post(post=opening, editor=alice, body="late")
    edited = posts.edit_post(post=theirs.posts.get(), editor=staff, body="b")

    assert edited.body == "b"


@pytest.mark.requirement("O-20")
def test_an_edit_keeps_what_was_there(opening, alice):
    edited = posts.edit_post(post=opening, editor=alice, body="How *long*?")

    assert edited.html == "<p>How <em>long</em>?</p>\n"
    assert edited.edited_at is not None
    revision = edited.revisions.get()
    assert (revision.body, revision.replaced_by) == ("How long does it simmer?", alice)


def test_the_same_text_again_is_no_edit(opening, alice):
    edited = posts.edit_post(post=opening, editor=alice, body=opening.body)

    assert edited.edited_at is None
    assert not PostRevision.objects.exists()


@pytest.mark.parametrize("editor", ["bob", "staff"])
def test_nobody_else_edits_a_post(opening, editor, request):
    with pytest.raises(NotAllowed):
        posts.edit_post(
            post=opening, editor=request.getfixturevalue(editor), body="mine now"
        )


def test_nobody_edits_what_a_persona_said(opening, alice, staff, answered):
    reply = answered(opening, alice).reply

    for member in (alice, staff):
        with pytest.raises(NotAllowed):
            posts.edit_post(post=reply, editor=member, body="other words")


@pytest.mark.requirement("O-20")
def test_deleting_takes_the_text_and_keeps_the_place(opening, alice, bob, subforum):
    post = posts.reply(parent=opening, author=bob, body="first")
    posts.edit_post(post=post, editor=bob, body="second")
    posts.reply(parent=post, author=alice, body="under it")

    gone = posts.delete_post(post=post, actor=bob)
    posts.delete_post(post=post, actor=bob)  # twice is once

    assert (gone.body, gone.html) == ("", "")
    assert not gone.revisions.exists()
    topic = Topic.objects.get()
    assert topic.posts.count() == 3
    assert (topic.posts_count, topic.last_number) == (2, 3)
    subforum.refresh_from_db()
    assert subforum.posts_count == 2


def test_deleting_the_last_post_makes_the_one_before_the_last(opening, bob, subforum):
    other = posts.create_topic(subforum=subforum, author=bob, title="b", body="b")
    post = posts.reply(parent=opening, author=bob, body="last word")
    subforum.refresh_from_db()
    assert subforum.last_topic == opening.topic

    posts.delete_post(post=post, actor=bob)

    topic = Topic.objects.get(pk=opening.topic_id)
    assert (topic.last_post, topic.last_post_at) == (opening, opening.created_at)
    subforum.refresh_from_db()
    assert subforum.last_topic == other


@pytest.mark.requirement("O-20")
def test_deleting_cancels_what_was_asked_of_the_post(opening, alice):
    ask = asks.ask(post=opening, member=alice)

    posts.delete_post(post=opening, actor=alice)

    ask.request.refresh_from_db()
    assert ask.request.status == Status.CANCELLED


def test_a_personas_reply_is_deleted_by_who_asked_and_by_staff(
    opening, alice, bob, staff, answered
):
    first, second = answered(opening, bob).reply, answered(opening, bob).reply

    with pytest.raises(NotAllowed):
        posts.delete_post(post=first, actor=alice)
    posts.delete_post(post=first, actor=bob)
    posts.delete_post(post=second, actor=staff)

    assert Post.objects.not_deleted().count() == 1


def test_a_deleted_post_is_neither_answered_nor_edited(opening, alice, bob):
    post = posts.reply(parent=opening, author=alice, body="a slip")
    posts.delete_post(post=post, actor=alice)

    with pytest.raises(PostDeleted):
        posts.reply(parent=post, author=bob, body="to whom?")
    with pytest.raises(PostDeleted):
        posts.edit_post(post=post, editor=alice, body="back")


def test_the_topic_can_be_answered_after_its_opening_is_deleted(opening, alice, bob):
    posts.delete_post(post=opening, actor=alice)

    assert posts.reply(parent=opening, author=bob, body="go on").parent_number == 1


def test_a_form_sent_twice_posts_once(opening, subforum, bob):
    token = uuid.uuid4()

    first = posts.reply(parent=opening, author=bob, body="once", token=token)
    again = posts.reply(parent=opening, author=bob, body="once", token=token)
    other = posts.reply(parent=opening, author=bob, body="another", token=token)
    topics = [
        posts.create_topic(
            subforum=subforum, author=bob, title="a", body="b", token=token
        )
        for _ in range(2)
    ]

    assert first == again != other
    assert topics[0] == topics[1]
    assert Topic.objects.get(pk=opening.topic_id).posts_count == 3


def test_posts_of_an_older_renderer_are_rendered_again(opening):
    Post.objects.update(html="old", render_version=0)

    assert posts.rerender_posts(batch=1) == 1

    opening.refresh_from_db()
    assert opening.html == "<p>How long does it simmer?</p>\n"
    assert posts.rerender_posts() == 0


def at_once(count, work):
    """Call `work(number)` in `count` threads that begin together; what each gave."""
    barrier, results = threading.Barrier(count), [None] * count

    def run(number):
        try:
            barrier.wait()
            results[number] = work(number)
        except Exception as error:  # shown by the assertion
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("F-11")
def test_numbers_and_counters_are_right_when_many_write_at_once(opening, alice, bob):
    victims = [
        posts.reply(parent=opening, author=bob, body=f"victim {n}") for n in range(4)
    ]

    def write(number):
        if number % 4 == 3:
            return posts.delete_post(post=victims[number // 4], actor=bob)
        if number % 4 == 2:
            return posts.create_topic(
                subforum=opening.topic.subforum, author=bob, title="t", body="b"
            )
        return posts.reply(parent=opening, author=alice, body=f"reply {number}")

    results = at_once(16, write)

    assert [it for it in results if isinstance(it, Exception)] == []
    topic = Topic.objects.get(pk=opening.topic_id)
    numbers = sorted(topic.posts.values_list("number", flat=True))
    assert numbers == list(range(1, 14))
    assert (topic.last_number, topic.posts_count) == (13, 9)
    subforum = Subforum.objects.get()
    assert (subforum.topics_count, subforum.posts_count) == (5, 13)


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_many_times_at_once_posts_once(opening, subforum, bob):
    token = uuid.uuid4()

    replies = at_once(
        5,
        lambda _: posts.reply(parent=opening, author=bob, body="once", token=token),
    )
    topics = at_once(
        5,
        lambda _: posts.create_topic(
            subforum=subforum, author=bob, title="a", body="b", token=token
        ),
    )

    assert len(set(replies)) == len(set(topics)) == 1
    assert Post.objects.count() == 3
