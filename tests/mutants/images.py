"""Pictures of posts: no more than may be, seen by whom they are for, gone with the post."""

from tests.mutants.mutant import Mutant

_TESTS = "forum/tests/test_images.py"
_SEEN = "tests/test_seeing.py"

MUTANTS = [
    Mutant(
        "a browser keeps no picture that its next user may not see",
        "forum/views/images.py",
        "PostImage.objects.visible_to(AnonymousUser())",
        "PostImage.objects.visible_to(request.user)",
        (f"{_TESTS}::test_no_browser_keeps_a_picture_for_whoever_uses_it_next",),
    ),
    Mutant(
        "a deleted post's pictures are read no more",
        "forum/services/posts.py",
        "    set_images(post=post, chosen=[])\n    post.revisions",
        "    post.revisions",
        (f"{_TESTS}::test_a_deleted_posts_pictures_are_gone_with_their_files",),
    ),
    Mutant(
        "a deleted post's pictures go from the disk",
        "forum/services/images.py",
        "        transaction.on_commit(partial(images.remove_picture, file))\n",
        "",
        (f"{_TESTS}::test_a_deleted_posts_pictures_are_gone_with_their_files",),
    ),
    Mutant(
        "a post has no more pictures than it may",
        "forum/services/images.py",
        "    if len(chosen) > settings.MAX_POST_IMAGES:\n        raise TooManyImages\n",
        "",
        (f"{_TESTS}::test_more_than_four_pictures_are_refused_by_the_service",),
    ),
    Mutant(
        "what is kept for one member has an end",
        "core/images.py",
        "    for path in by_age[:-MOST_KEPT]:\n",
        "    for path in ():\n",
        (f"{_TESTS}::test_what_is_kept_has_an_end",),
    ),
    Mutant(
        "a post with pictures is answered by the model that sees",
        "llmqueue/resolution/seeing.py",
        "    return replace(choice, model=config.vision_model, sees=True)\n",
        "    return replace(choice, sees=True)\n",
        (f"{_SEEN}::test_the_configs_model_for_pictures_answers_and_sees_them",),
    ),
    Mutant(
        "a model that does not see is asked by who agreed",
        "forum/services/asks.py",
        "    if not blindly:\n        _check_sees(inputs)\n",
        "",
        (f"{_SEEN}::test_a_model_that_does_not_see_is_asked_only_by_who_agreed",),
    ),
    Mutant(
        "prompts forget a picture that was taken out",
        "forum/services/images.py",
        "        queue.erase(source=(PICTURE, str(pk)))\n",
        "",
        (
            f"{_SEEN}::test_the_prompts_page_tells_which_pictures_were_sent_until_they_go",
        ),
    ),
    Mutant(
        "a photo that would lie whole in memory is not opened",
        "core/jpeg_frame.py",
        "            return Frame(size, is_sequential and data[at + 4] == parts)\n",
        "            return Frame(size, True)\n",
        (
            "core/tests/test_photos.py"
            "::test_a_photo_that_would_have_to_be_whole_in_memory_is_refused_unopened",
        ),
    ),
    Mutant(
        "large bodies that wait have an end together",
        "forllm/bodies.py",
        "            _waiting.total() + more > MOST_WAITING_BYTES\n            or ",
        "            ",
        ("tests/test_web.py::test_large_bodies_that_wait_have_an_end",),
    ),
    Mutant(
        "one sender does not take all room for large bodies",
        "forllm/bodies.py",
        "\n            or _waiting[self._sender] + more > MOST_WAITING_BYTES_OF_ONE",
        "",
        ("tests/test_web.py::test_large_bodies_that_wait_have_an_end",),
    ),
]
