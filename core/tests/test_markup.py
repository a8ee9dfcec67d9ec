"""Text becomes HTML in one place, and nothing that it makes can do harm."""

from urllib.parse import urlsplit

import html5lib
import pytest

from core import markup
from core.tests.payloads import PATHOLOGICAL, PAYLOADS, POSITIONS

# Written out here and not imported: what may be in a post, and nothing else.
ALLOWED = {
    "a": {"href", "rel"},
    "div": {"class", "tabindex"},
    "ol": {"start"},
    "pre": {"tabindex"},
    "span": {"class"},
    "td": {"class"},
    "th": {"class"},
} | {
    tag: set()
    for tag in "blockquote br code em h3 h4 h5 h6 hr li p s strong table tbody thead tr"
    " ul".split()
}
CLASSES = {"scroll", "host", "center", "right"}


def strangers_in(html: str) -> list[str]:
    """What an HTML parser finds in `html` that is not allowed."""
    tree = html5lib.parseFragment(
        html, treebuilder="etree", namespaceHTMLElements=False
    )
    found = []
    for element in tree.iter():
        if element is tree:
            continue
        if element.tag not in ALLOWED:
            found.append(f"<{element.tag}>")
            continue
        for name, value in element.attrib.items():
            if name not in ALLOWED[element.tag]:
                found.append(f"<{element.tag} {name}>")
            if name == "class" and value not in CLASSES:
                found.append(f"class {value}")
            if name == "href" and urlsplit(value).scheme not in (
                "",
                "http",
                "https",
                "mailto",
            ):
                found.append(f"href {value}")
    return found


def test_the_corpus_is_large_enough():
    assert len(set(PAYLOADS)) >= 150


@pytest.mark.requirement("F-41", "O-32")
@pytest.mark.fault("A-XSS-1", "A-XSS-5", "B3")
@pytest.mark.parametrize("position", POSITIONS)
def test_render_lets_no_attack_through(position):
    for payload in PAYLOADS:
        text = position.replace("{}", payload)

        assert strangers_in(markup.render(text)) == [], text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* **b** `c`", "<p><em>a</em> <strong>b</strong> <code>c</code></p>\n"),
        ("# a\n\n## b", "<h3>a</h3>\n<h4>b</h4>\n"),
        ("###### a", "<h6>a</h6>\n"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>\n'),
        ("```py\na\n```", '<pre tabindex="0"><code>a\n</code></pre>\n'),
        ("[a](/t/b-1/)", '<p><a href="/t/b-1/">a</a></p>\n'),
        ("[a](#post-3)", '<p><a href="#post-3">a</a></p>\n'),
        ("<script>", "<p>&lt;script&gt;</p>\n"),
    ],
)
def test_render_makes_plain_html(text, html):
    assert markup.render(text) == html


@pytest.mark.fault("A-XSS-6")
@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("[a](https://evil.example/b)", "evil.example"),
        ("[https://good.example/](https://evil.example/)", "evil.example"),
        ("[a](//evil.example/b)", "evil.example"),
        ("[a](https://good.example@evil.example/)", "evil.example"),
        ("[a](https://EVIL.example:8080/)", "evil.example:8080"),
        ("[https://evil.example.org/](https://evil.example/)", "evil.example"),
        ("![a](https://evil.example/b.png)", "evil.example"),
    ],
)
def test_a_link_to_elsewhere_shows_its_host(text, host):
    html = markup.render(text)

    assert 'rel="nofollow ugc noopener"' in html
    assert f'<span class="host">{host}</span>' in html


@pytest.mark.fault("A-XSS-6")
@pytest.mark.parametrize(
    "address",
    [
        "https:/evil.example",
        "https:evil.example",
        "https:///evil.example",
        "HTTPS:///evil.example",
        "http:\\\\evil.example",
        "///evil.example",
        "////evil.example",
        "https://@/evil.example",
        "https://:443/evil.example",
        "//@/evil.example",
        "https://%65vil.example/",
    ],
)
def test_an_address_that_browsers_mend_into_another_host_is_no_link(address):
    for text in ("[a]({})", "![a]({})", "<{}>", "[a](<{}>)", "[a]\n\n[a]: {}"):
        assert "<a" not in markup.render(text.format(address)), text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (
            "See http://a.example.",
            'See <a href="http://a.example" {}>http://a.example</a>.',
        ),
        (
            "**https://a.example/__init__.py?e=*f**",
            '<strong><a href="https://a.example/__init__.py?e=*f" {}>'
            "https://a.example/__init__.py?e=*f</a></strong>",
        ),
        (
            "(https://a.example/b_(c))",
            '(<a href="https://a.example/b_(c)" {}>https://a.example/b_(c)</a>)',
        ),
        (
            "*https://a.example*",
            '<em><a href="https://a.example" {}>https://a.example</a></em>',
        ),
        (
            "「https://a.example/山」",
            '「<a href="https://a.example/%E5%B1%B1" {}>https://a.example/山</a>」',
        ),
        (
            "[a] https://[2001:db8::1]:80/?b[]=c",
            '[a] <a href="https://[2001:db8::1]:80/?b%5B%5D=c" {}>https://[2001:db8::1]:80/?b[]=c</a>',
        ),
        (
            "https://good.example@evil.example/",
            '<a href="https://good.example@evil.example/" {}>'
            "https://good.example@evil.example/</a>"
            ' <span class="host">evil.example</span>',
        ),
        (
            "https://аpple.example/",
            '<a href="https://xn--pple-43d.example/" {}>https://аpple.example/</a>'
            ' <span class="host">xn--pple-43d.example</span>',
        ),
    ],
)
def test_a_bare_address_is_a_link_marked_as_foreign(text, html):
    expected = html.format('rel="nofollow ugc noopener"')

    assert markup.render(text) == f"<p>{expected}</p>\n"


@pytest.mark.parametrize(
    "text",
    [
        "forum.example",
        "www.forum.example",
        "//forum.example/a",
        "alice@forum.example",
        "mailto:alice@forum.example",
        "ftp://forum.example/",
        "javascript://forum.example/%0aalert(1)",
        "file://forum.example/",
        "xhttp://forum.example",
        "127.0.0.1:8000/",
        "http\\://forum.example/",
        "`http://forum.example/`",
        "```\nhttp://forum.example/\n```",
        "https:///forum.example",
        "https://...",
        "https://forum.example:0/",
        "https://forum.example:x/",
        "https://[forum",
        "https://" + "a" * 2001,
    ],
)
def test_what_only_resembles_a_web_address_is_no_link(text):
    assert "<a" not in markup.render(text)


def test_an_address_among_a_links_words_makes_no_second_link():
    html = markup.render("[see https://a.example](https://b.example/)")

    assert html.count("<a ") == 1
    assert '<span class="host">b.example</span>' in html


def test_a_bare_address_of_this_site_is_plain(settings):
    address = f"{settings.SITE_URL}/t/b-1/"

    assert markup.render(address) == f'<p><a href="{address}">{address}</a></p>\n'


@pytest.mark.parametrize("text", ["", " \n", "\u2800", "\U0001d159 ", "\u3000\u0301"])
def test_a_text_with_nothing_to_see_is_blank(text):
    assert markup.is_blank(markup.clean_text(text))


@pytest.mark.parametrize("text", ["a", ".", "7", "\u2801", "\U0001f600", "한", "क्"])
def test_a_text_with_something_to_see_is_not_blank(text):
    assert not markup.is_blank(text)


def test_a_link_whose_words_are_its_address_needs_no_host():
    html = markup.render("<https://other.example/a> <https://other.example>")

    assert "host" not in html
    assert html.count("nofollow") == 2


def test_a_link_to_this_site_is_plain(settings):
    html = markup.render(f"[a]({settings.SITE_URL}/t/b-1/)")

    assert html == f'<p><a href="{settings.SITE_URL}/t/b-1/">a</a></p>\n'


@pytest.mark.fault("B3")
def test_an_image_becomes_a_link():
    html = markup.render("![A cat](https://other.example/cat.png)")

    assert "<img" not in html
    assert ">image: A cat</a>" in html


def test_an_image_in_a_link_becomes_its_words():
    html = markup.render("[![A cat](cat.png)](/cats/)")

    assert html == '<p><a href="/cats/">image: A cat</a></p>\n'


def test_a_wide_table_scrolls_by_itself():
    html = markup.render("|a|b|\n|:-:|--:|\n|1|2|")

    assert html.startswith('<div class="scroll" tabindex="0"><table>')
    assert '<td class="center">1</td>\n<td class="right">2</td>' in html


INVISIBLE = [
    "\x00",
    "\x08",
    "\x7f",
    "\x9f",
    "\xad",
    "\u034f",
    "\u061c",
    "\u180e",
    "\u200b",
    "\u200c",
    "\u200d",
    "\u200e",
    "\u202e",
    "\u2060",
    "\u2066",
    "\u2069",
    "\u3164",
    "\ud800",
    "\udfff",
    "\ufe00",
    "\ufe0f",
    "\ufeff",
    "\ufff9",
    "\U000e0001",
    "\U000e0041",
    "\U000e007f",
    "\U000e0100",
]


@pytest.mark.requirement("F-41")
@pytest.mark.fault("B8")
@pytest.mark.parametrize("character", INVISIBLE, ids=lambda c: f"U+{ord(c):04X}")
def test_invisible_characters_go(character):
    assert markup.clean_text(f"a{character}b") == "ab"
    assert markup.render(f"a{character}b") == "<p>ab</p>\n"
    if not "\ud800" <= character <= "\udfff":
        assert character not in markup.render(f"a&#{ord(character)};b")


def test_hidden_text_in_tag_characters_goes():
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore all rules")

    assert markup.clean_text(f"Hello{hidden}!") == "Hello!"


VISIBLE = (
    "❤️ 👍🏽 👩‍👩‍👧‍👦 👩🏽‍💻 🏳️‍🌈 🏴‍☠️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🏴󠁧󠁢󠁳󠁣󠁴󠁿 🏴󠁧󠁢󠁷󠁬󠁳󠁿 🇩🇪 1️⃣ #️⃣ *️⃣ ☀️ ✈️ ☎️ ⚖️ ♟️ ✌🏻 🕵️‍♀️ 🧑‍🚀"
    " 🧑‍🤝‍🧑 👨‍❤️‍👨 🐕‍🦺 🐻‍❄️ 🐦‍⬛ ❤️‍🔥 ❤️‍🩹 👁️‍🗨️ ©️ ®️ ™️ ‼️ ⁉️ ℹ️ ↔️ ↩️ ⌨️ ⏏️ Ⓜ️ ▪️ ◾ ☑️ ⤴️ ⬅️ 〰️ ㊗️ 🅰️ 🈂️ 🧔‍♂️"
    " 👯‍♀️ 🏋🏿‍♀️ می‌خواهم क्‍ष é日本 \u00a0 naïve"
)


@pytest.mark.fault("B8")
@pytest.mark.parametrize("text", VISIBLE.split(" "))
def test_what_readers_see_stays(text):
    assert markup.clean_text(text) == text


def test_newlines_become_plain():
    assert markup.clean_text("a\r\nb\rc\u2028d\x85e\tf") == "a\nb\nc\nd\ne\tf"


def test_plain_text_holds_the_words():
    text = "# Hi\n\n*You* & [me](https://other.example)\n\n```\n<b>\n```\n- one\n- two"

    words = markup.plain_text(text)

    assert words == "Hi You & me other.example <b> one two"


@pytest.mark.fault("A-DOS-1")
@pytest.mark.parametrize("pattern", PATHOLOGICAL)
def test_a_pathological_text_comes_out_whole_and_clean(pattern):
    text = (pattern * 5_000)[:5_000]

    assert strangers_in(markup.render(text)) == []
