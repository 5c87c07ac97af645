"""The page's files."""

from pathlib import Path

import pytest
from wsgi_client import Client, wsgi_client

from edgecls.server import ServerSettings, create_app
from edgecls.serving.repository.repository import Repository
from edgecls.serving.routes.page import MIME_TYPES, WEB_FOLDER

FILES = sorted(path.name for path in WEB_FOLDER.iterdir())


@pytest.fixture
def client(tiny_model_path: Path) -> Client:
    def load(file: Path) -> None:
        raise AssertionError("the page needs no model")

    return wsgi_client(create_app(Repository([tiny_model_path], load), ServerSettings()))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FILES)
def test_every_part_has_its_type_and_is_asked_for_anew(client: Client, name: str) -> None:
    answer = client("GET", f"/web/{name}")

    assert answer.status == 200
    assert answer.headers["Content-Type"].partition(";")[0] == MIME_TYPES[Path(name).suffix]
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.body == (WEB_FOLDER / name).read_bytes()


def test_an_unchanged_part_is_not_sent_again(client: Client) -> None:
    tag = client("GET", "/web/page.js").headers["Etag"]  # as Bottle writes it

    assert client("GET", "/web/page.js", if_none_match=tag).status == 304


@pytest.mark.parametrize("path", ["/web/../server.py", "/web/%2e%2e/server.py", "/web/nothing.js", "/web/"])
def test_there_is_nothing_else(client: Client, path: str) -> None:
    assert client("GET", path).status in (403, 404)


def test_modules_name_only_modules_that_are_there() -> None:
    for script in WEB_FOLDER.glob("*.js"):
        for line in script.read_text(encoding="utf-8").splitlines():
            if line.startswith("import "):
                assert line.partition('"./')[2].removesuffix('";') in FILES, f"{script.name}: {line}"
