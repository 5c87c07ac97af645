"""The page's files."""

import re
from pathlib import Path

import pytest
from wsgi_client import Client, wsgi_client

from edgecls.server.app import AppSettings, build_app
from edgecls.server.endpoints.page import MIME_TYPES, WEB_FOLDER
from edgecls.server.models.repository import Repository

FILES = sorted(path.name for path in WEB_FOLDER.iterdir() if path.is_file())


@pytest.fixture
def client(tiny_model_path: Path) -> Client:
    def load(file: Path) -> None:
        raise AssertionError("the page needs no model")

    return wsgi_client(build_app(Repository([tiny_model_path], load), AppSettings()))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FILES)
def test_every_part_has_its_type_and_is_asked_for_anew(client: Client, name: str) -> None:
    answer = client("GET", f"/web/{name}")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == MIME_TYPES[Path(name).suffix]
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.body == (WEB_FOLDER / name).read_bytes()


def test_an_unchanged_part_is_not_sent_again(client: Client) -> None:
    tag = client("GET", "/web/page.js").headers["Etag"]  # as Bottle writes it

    assert re.fullmatch(r'"[0-9a-f]+"', tag)
    for asked in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = client("GET", "/web/page.js", if_none_match=asked)
        assert (answer.status, answer.body, answer.headers["Etag"]) == (304, b"", tag)


@pytest.mark.parametrize("asked", ['"other"', "", 'W/"other", "more"', "unquoted"])
def test_a_part_with_another_tag_is_sent(client: Client, asked: str) -> None:
    later = "Fri, 01 Jan 2100 00:00:00 GMT"

    assert client("GET", "/web/page.js", if_none_match=asked, if_modified_since=later).status == 200


SIZE = (WEB_FOLDER / "page.js").stat().st_size


@pytest.mark.parametrize(
    ("asked", "status", "content_range"),
    [
        ("bytes=0-3", 206, f"bytes 0-3/{SIZE}"),
        ("bytes=-4", 206, f"bytes {SIZE - 4}-{SIZE - 1}/{SIZE}"),
        (f"bytes={SIZE - 2}-", 206, f"bytes {SIZE - 2}-{SIZE - 1}/{SIZE}"),
        (f"bytes={SIZE}-", 416, f"bytes */{SIZE}"),
        ("bytes=99999999-999999999", 416, f"bytes */{SIZE}"),
        ("bytes=-0", 416, f"bytes */{SIZE}"),
        ("bytes=0-1,4-5", 200, None),
        ("bytes=a-b", 200, None),
        ("bytes=-", 200, None),
        ("bytes=-99999999", 206, f"bytes 0-{SIZE - 1}/{SIZE}"),
        ("bytes=5-4", 200, None),
        ("bytes=", 200, None),
        ("lines=1-2", 200, None),
    ],
)
def test_a_range_is_answered_or_told_how_long_the_part_is(
    client: Client, asked: str, status: int, content_range: str | None
) -> None:
    answer = client("GET", "/web/page.js", range=asked)

    assert (answer.status, answer.headers.get("Content-Range")) == (status, content_range)
    assert client("HEAD", "/web/page.js", range=asked).status == 200


def test_a_range_of_another_version_is_answered_whole(client: Client) -> None:
    tag = client("GET", "/web/page.js").headers["Etag"]

    assert client("GET", "/web/page.js", range="bytes=0-3", if_range=tag).status == 206
    assert client("GET", "/web/page.js", range="bytes=0-3", if_range='"other"').status == 200


@pytest.mark.parametrize("path", ["/web/../server.py", "/web/%2e%2e/server.py", "/web/nothing.js", "/web/"])
def test_there_is_nothing_else(client: Client, path: str) -> None:
    assert client("GET", path).status in (403, 404)


def test_modules_name_only_modules_that_are_there() -> None:
    for script in WEB_FOLDER.glob("*.js"):
        for line in script.read_text(encoding="utf-8").splitlines():
            if line.startswith("import "):
                assert line.partition('"./')[2].removesuffix('";') in FILES, f"{script.name}: {line}"
