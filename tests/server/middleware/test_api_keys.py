from pathlib import Path

import pytest
from sent_requests import sent

from edgecls.errors import ServerError
from edgecls.server.middleware.api_keys import ApiKeys

TEXT = """\
# Keys of the greenhouse

7Kd93hfy2 camera at the gate
plainkey
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "keys").write_text(TEXT)
    return tmp_path / "keys"


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"authorization": "Bearer 7Kd93hfy2"}, "camera at the gate"),
        ({"authorization": "bearer   7Kd93hfy2 "}, "camera at the gate"),
        ({"x_api_key": "7Kd93hfy2"}, "camera at the gate"),
        ({"x_api_key": "plainkey"}, ""),
    ],
)
def test_a_valid_key_opens_and_has_its_name(file: Path, headers: dict[str, str], name: str) -> None:
    keys = ApiKeys(file)

    assert keys.check(sent(**headers)) is None
    assert keys.name_of(sent(**headers)) == name


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic 7Kd93hfy2"},
        {"authorization": "7Kd93hfy2"},
        {"x_api_key": "7Kd93hfy2 camera at the gate"},
        {"x_api_key": "7kd93hfy2"},
        {"x_api_key": "#"},
        {"x_api_key": "caf\xe9"},
    ],
)
def test_all_else_is_refused_and_told_how(file: Path, headers: dict[str, str]) -> None:
    refusal = ApiKeys(file).check(sent(**headers))

    assert refusal is not None
    assert (refusal.status, refusal.kind) == (401, "Unauthorized")
    assert refusal.headers == {"WWW-Authenticate": 'Bearer realm="edgecls"'}
    assert "X-API-Key" in str(refusal)


@pytest.mark.parametrize("path", ["/", "/web/page.js", "/livez", "/readyz", "/v2/health/live", "/v2/health/ready"])
def test_health_and_the_page_itself_need_none(file: Path, path: str) -> None:
    assert ApiKeys(file).check(sent("GET", path)) is None


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/models", "/predict", "/web/..%2fpredict", "/web/../predict", "/web/a/b", "//", "/livez/", "/v2"],
)
def test_whatever_is_not_exactly_one_of_these_needs_one(file: Path, path: str) -> None:
    assert ApiKeys(file).check(sent("GET", path)) is not None


def test_a_browser_may_ask_beforehand(file: Path) -> None:
    assert ApiKeys(file).check(sent("OPTIONS")) is None


def test_read_again_the_file_decides(file: Path) -> None:
    keys = ApiKeys(file)
    file.write_text("another")
    keys.reload()

    assert keys.check(sent(x_api_key="another")) is None
    assert keys.check(sent(x_api_key="plainkey")) is not None


def test_a_file_in_an_encoding_that_it_does_not_name_is_refused(file: Path) -> None:
    file.write_bytes("key".encode("utf-16-le"))

    with pytest.raises(ServerError, match="save the file as UTF-8"):
        ApiKeys(file)


@pytest.mark.parametrize("content", [b"", b"# only a comment\n\n", b"\xff\xfe"])
def test_a_file_without_keys_is_refused_and_leaves_the_old_ones(file: Path, content: bytes) -> None:
    keys = ApiKeys(file)
    file.write_bytes(content)

    with pytest.raises(ServerError, match="one"):
        keys.reload()
    assert keys.check(sent(x_api_key="plainkey")) is None


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="gone"):
        ApiKeys(tmp_path / "gone")


LINES = [
    "# Keys",
    "",
    "7Kd93hfy2 camera at the gate",
    "\t ",
    "plainkey",
    "  tabbed\t\tthe  other gate \t",
    "\t# indented",
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old-mac"])
def test_files_are_read_as_editors_of_all_systems_write_them(file: Path, encoding: str, line_end: str) -> None:
    for lines in (LINES, LINES[2:], [*LINES, ""]):
        file.write_bytes(line_end.join(lines).encode(encoding))
        keys = ApiKeys(file)

        found = {key: keys.name_of(sent(x_api_key=key)) for key in ("7Kd93hfy2", "plainkey", "tabbed")}
        assert found == {"7Kd93hfy2": "camera at the gate", "plainkey": "", "tabbed": "the  other gate"}
        for wrong in ("\ufeff7Kd93hfy2".encode().decode("latin-1"), "#", "plainkey\r", "# indented", "tabbed\tthe"):
            assert keys.name_of(sent(x_api_key=wrong)) is None


def test_a_first_line_that_is_a_comment_stays_one_behind_a_byte_order_mark(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf#secret\r\nkey\r\n")

    assert ApiKeys(file).name_of(sent(x_api_key="#secret")) is None
    assert ApiKeys(file).name_of(sent(x_api_key="key")) == ""
