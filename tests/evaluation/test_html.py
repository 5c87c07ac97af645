"""Fragments of HTML: what is put in is escaped."""

from pathlib import Path

import pytest

from edgecls.evaluation.report.html import Fragments, joined


@pytest.fixture
def fragments(tmp_path: Path) -> Fragments:
    path = tmp_path / "page.html"
    path.write_text(
        '<!-- fragment: row -->\n<li title="$title">$text</li>\n\n<!-- fragment: list -->\n<ul>$rows</ul>\n',
        encoding="utf-8",
    )
    return Fragments(path)


def test_values_are_escaped_and_pieces_are_not(fragments: Fragments) -> None:
    rows = [fragments.fill("row", title='"&', text="<b>红</b> $title"), fragments.fill("row", title=1, text=None)]

    assert fragments.fill("list", rows=joined(rows)) == (
        '<ul><li title="&quot;&amp;">&lt;b&gt;红&lt;/b&gt; $title</li>\n<li title="1">None</li></ul>'
    )


def test_a_piece_or_a_value_that_is_not_there_is_a_fault(fragments: Fragments) -> None:
    with pytest.raises(KeyError, match="table"):
        fragments.fill("table")
    with pytest.raises(KeyError, match="text"):
        fragments.fill("row", title="x")
