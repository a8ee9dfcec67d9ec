"""What must hold of asks, replies and counters whenever the site is quiet."""

from llmqueue.invariants import Rule, Violation, check_rules

RULES = (
    Rule(
        "I1",
        "requests with more than one reply",
        "SELECT request_id FROM forum_ask WHERE reply_id IS NOT NULL"
        " GROUP BY request_id HAVING count(*) > 1",
    ),
    Rule(
        "I1",
        "posts that answer more than one request",
        "SELECT reply_id FROM forum_ask WHERE reply_id IS NOT NULL"
        " GROUP BY reply_id HAVING count(*) > 1",
    ),
    Rule(
        "I2",
        "done requests without their reply",
        "SELECT request.id FROM queue_llmrequest request LEFT JOIN forum_ask ask"
        " ON ask.request_id = request.id WHERE request.kind = 'reply'"
        " AND request.status = 'complete' AND ask.reply_id IS NULL",
    ),
    Rule(
        "I2",
        "replies to requests that are not done",
        "SELECT request.id FROM queue_llmrequest request JOIN forum_ask ask"
        " ON ask.request_id = request.id WHERE request.status <> 'complete'"
        " AND ask.reply_id IS NOT NULL",
    ),
    Rule(
        "I2",
        "persona's posts that answer no request",
        "SELECT post.id FROM forum_post post LEFT JOIN forum_ask ask"
        " ON ask.reply_id = post.id WHERE post.persona_version_id IS NOT NULL"
        " AND ask.id IS NULL",
    ),
    Rule(
        "I3",
        "requests of the kind reply that no ask belongs to",
        "SELECT request.id FROM queue_llmrequest request LEFT JOIN forum_ask ask"
        " ON ask.request_id = request.id WHERE request.kind = 'reply' AND ask.id IS NULL",
    ),
    Rule(
        "counters",
        "topics whose count of posts is wrong",
        "SELECT topic.id FROM forum_topic topic LEFT JOIN forum_post post"
        " ON post.topic_id = topic.id AND post.deleted_at IS NULL"
        " GROUP BY topic.id HAVING topic.posts_count <> count(post.id)",
    ),
    Rule(
        "counters",
        "posts whose count of pictures is wrong",
        "SELECT post.id FROM forum_post post LEFT JOIN forum_postimage image"
        " ON image.post_id = post.id GROUP BY post.id"
        " HAVING post.images_count <> count(image.id)",
    ),
    Rule(
        "counters",
        "members whose count of unseen notices is wrong",
        "SELECT member.id FROM accounts_user member LEFT JOIN forum_notice notice"
        " ON notice.user_id = member.id AND notice.seen_at IS NULL"
        " GROUP BY member.id HAVING member.unseen_notices <> count(notice.id)",
    ),
    Rule(
        "counters",
        "subforums whose counts are wrong",
        "SELECT subforum.id FROM forum_subforum subforum LEFT JOIN forum_topic topic"
        " ON topic.subforum_id = subforum.id GROUP BY subforum.id"
        " HAVING subforum.topics_count <> count(topic.id)"
        " OR subforum.posts_count <> coalesce(sum(topic.posts_count), 0)",
    ),
)


def check_forum() -> list[Violation]:
    """The broken promises of the forum; empty when all hold."""
    return list(check_rules(RULES))
