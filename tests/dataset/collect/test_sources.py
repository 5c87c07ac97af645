"""Files that list addresses."""

from pathlib import Path

import pytest

from edgecls.dataset.collect.sources import read_url_list
from edgecls.errors import DatasetError


def _write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "网址.txt"
    path.write_bytes(content)
    return path


def test_lines_with_and_without_a_label_are_read(tmp_path: Path) -> None:
    text = "\ufeff# mine\nhttp://a.test/1\r\n\n猫\thttp://a.test/猫.png\n 狗 \t http://a.test/2 \nhttp://a.test/1\n"

    found = read_url_list(_write(tmp_path, text.encode()), default_label="others")

    assert found == {"others": ["http://a.test/1"], "猫": ["http://a.test/猫.png"], "狗": ["http://a.test/2"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"http://a.test/1\n", r"line 1 .* --class"),
        (b"# nothing\n\n", "has no addresses"),
        (b"a\thttp://a.test/\xff\n", "not UTF-8"),
        (b"\thttp://a.test/1\n", "line 1"),
    ],
)
def test_lists_that_cannot_be_used_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_url_list(_write(tmp_path, content))


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="check the path"):
        read_url_list(tmp_path / "gone.txt")
