"""A topic's title, which is one line however it came."""

import pytest

from forum.forms.posts import TopicForm
from forum.services import posts

RAW = " Soup\r\n  of\tthe \u200bday "


def test_a_title_sent_by_a_form_is_one_line():
    form = TopicForm({"title": RAW, "body": "x"})

    assert form.is_valid()
    assert form.cleaned_data["title"] == "Soup of the day"


@pytest.mark.django_db
def test_create_topic_makes_one_line_of_a_title(subforum, alice):
    topic = posts.create_topic(subforum=subforum, author=alice, title=RAW, body="x")

    assert topic.title == "Soup of the day"
