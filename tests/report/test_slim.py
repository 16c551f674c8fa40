from __future__ import annotations

import pytest

from lab.report.slim import slim


@pytest.mark.parametrize(
    ("page", "slimmed"),
    [
        ("<tr><th>a</th><td>b</td></tr>", "<tr><th>a<td>b"),
        ('<p class="small">a</p>', "<p class=small>a</p>"),
        ('<th class="a b" id="c">', '<th class="a b" id=c>'),
        ('<a href="raw/x/">', '<a href="raw/x/">'),
        ('<path d="M1"/>', '<path d="M1"/>'),
        ('<td title="">', '<td title="">'),
        ('<td title="&#34;">', '<td title="&#34;">'),
        ('a="b" &lt;td class="c"&gt;', 'a="b" &lt;td class="c"&gt;'),
        ('<style>a[b="c"]</style>', '<style>a[b="c"]</style>'),
        ('<script>"</td>", a <b && c> "d"</script>', '<script>"</td>", a <b && c> "d"</script>'),
    ],
)
def test_it_leaves_out_what_means_nothing_and_nothing_else(page: str, slimmed: str) -> None:
    assert slim(page) == slimmed
    assert slim(f"<b>{page}</b><script>1</script>{page}") == (
        f"<b>{slimmed}</b><script>1</script>{slimmed}"
    )
