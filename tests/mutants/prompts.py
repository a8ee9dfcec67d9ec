"""What a model is shown, and which model and settings are taken."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "no text is counted after the first that does not fit",
        "llmqueue/prompting/prompts.py",
        """        if room < 0 or len(kept) >= limits.posts:
            break
        part = part_of(passage)
""",
        """        part = part_of(passage)
        if room < 0 or len(kept) >= limits.posts:
            break
""",
        (
            "llmqueue/tests/test_prompts.py::test_no_text_is_counted_after_the_first_that_does_not_fit",
        ),
    ),
    Mutant(
        "no more of a conversation is read than may be shown",
        "forum/conversations.py",
        "number__gt=1)[:most_passages]",
        "number__gt=1)",
        (
            "forum/tests/test_replies.py::test_no_more_of_the_conversation_is_read_than_may_be_shown",
        ),
    ),
    Mutant(
        "a public persona takes no single member's config",
        "llmqueue/resolution/config_ladder.py",
        "if not is_private or config.owner_id not in persona.owner_ids:",
        "if config.owner_id not in persona.owner_ids:",
        (
            "llmqueue/tests/test_config_chain.py::test_an_owners_config_serves_their_private_persona_alone",
        ),
    ),
    Mutant(
        "settings made for another endpoint are not taken",
        "llmqueue/resolution/lookups.py",
        "endpoint=endpoint, model=endpoint.default_model\n        )",
        "model=endpoint.default_model\n        )",
        (
            "llmqueue/tests/test_config_chain.py::test_the_first_endpoints_model_takes_only_settings_made_for_it",
        ),
    ),
    Mutant(
        "a title cannot close the block it stands in",
        "llmqueue/prompting/prompts.py",
        "escape(fact, tag).replace(chr(34), chr(39))",
        "fact",
        (
            "llmqueue/tests/test_prompts.py::test_build_holds_the_title_as_members_text_in_the_target_s_block",
        ),
    ),
    Mutant(
        "members are named by their handle",
        "forum/conversations.py",
        'return f"@{post.author.handle.name}"',
        "return post.author.name",
        (
            "forum/tests/test_replies.py::test_the_model_is_told_who_wrote_what_by_handle_and_the_title_as_theirs",
        ),
    ),
    Mutant(
        "a version that is erased meanwhile is in no prompt",
        "llmqueue/work/freezing.py",
        "receipt = replace(receipt, version=held)",
        "pass",
        (
            "forum/tests/test_locks.py::test_a_version_erased_before_the_topic_is_held_is_in_no_prompt",
        ),
    ),
]
