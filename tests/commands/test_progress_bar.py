"""The bar of edgecls run."""

import pytest

from edgecls.commands.terminal import progress_text, with_progress


@pytest.mark.parametrize(
    ("done", "total", "elapsed_s", "text"),
    [
        (1, 4, 2.0, "[######..................] 1/4  0.5/s  6 s left"),
        (4, 4, 2.0, "[########################] 4/4  2.0/s  0 s left"),
        (1, 1000, 1.0, "[........................] 1/1000  1.0/s  16:39 min left"),
        (1, 10000, 1.0, "[........................] 1/10000  1.0/s  2:46 h left"),
        (7, None, 1.0, "7 images"),
    ],
)
def test_the_line_has_a_bar_the_count_the_rate_and_the_time_left(
    done: int, total: int | None, elapsed_s: float, text: str
) -> None:
    assert progress_text(done, total, elapsed_s) == text


def test_where_there_is_no_terminal_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(with_progress("abc", 3)) == ["a", "b", "c"]

    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")
