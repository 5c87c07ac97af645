import contextlib
import json
import resource
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from edgecls.errors import OutputError
from edgecls.server.middleware import access_log
from edgecls.server.middleware.access_log import AccessLog, Entry

ENTRY = Entry(
    time_s=1_800_000_000.25,
    id="a-1",
    method="POST",
    path="/predict",
    status=200,
    bytes_in=10,
    bytes_out=20,
    duration_ms=1.5,
    queue_ms=0.5,
    model="flowers",
    client="10.0.0.1",
    key="",
)


def test_a_line_holds_everything_as_json(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"))
    log.put(ENTRY)
    log.close()

    facts = json.loads((tmp_path / "log").read_text())
    assert datetime.fromisoformat(facts.pop("time")).timestamp() == ENTRY.time_s
    assert facts == {name: value for name, value in ENTRY._asdict().items() if name != "time_s"}


def test_what_a_client_sends_stays_one_line(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"))
    log.put(ENTRY._replace(path='/a\n{"status": 200}\x1b[2J', id="猫"))
    log.close()

    (line,) = (tmp_path / "log").read_bytes().splitlines()
    assert json.loads(line)["path"] == '/a\n{"status": 200}\x1b[2J'
    assert line.isascii()


def test_it_appends_to_what_is_there(tmp_path: Path) -> None:
    for _ in range(2):
        log = AccessLog(str(tmp_path / "log"))
        log.put(ENTRY)
        log.close()

    assert len((tmp_path / "log").read_text().splitlines()) == 2


def test_opened_again_it_goes_on_in_a_new_file_and_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "log"
    log = AccessLog(str(file))
    log.put(ENTRY._replace(id="before"))
    file.rename(tmp_path / "log.1")
    log.reopen()
    log.put(ENTRY._replace(id="after"))
    log.close()

    assert json.loads((tmp_path / "log.1").read_text())["id"] == "before"
    assert json.loads(file.read_text())["id"] == "after"


def test_beyond_its_bound_it_drops_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "MAX_UNWRITTEN", 3)
    monkeypatch.setattr(access_log, "GATHERING_S", 60)  # as if the disk hung
    log = AccessLog(str(tmp_path / "log"))

    assert [log.put(ENTRY) for _ in range(5)] == [True, True, True, False, False]
    log.close()
    assert len((tmp_path / "log").read_text().splitlines()) == 3


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write the access log .*gone.*choose another place"):
        AccessLog(str(tmp_path / "gone" / "log"))


def test_a_full_disk_is_told_of_once_and_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no device that is always full")
    log = AccessLog(str(full))
    for _ in range(3):
        log.put(ENTRY)
        log._write_waiting()
    log.close()

    assert capsys.readouterr().err.count("lines are lost") == 1


def _limited_to(size: int) -> contextlib.AbstractContextManager[None]:
    """Have the system refuse to let files grow beyond a size, as a full disk does."""

    @contextlib.contextmanager
    def limited() -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited()


def test_lines_lost_on_a_full_disk_are_counted_and_told_when_there_is_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(access_log, "GATHERING_S", 60)  # the test says when to write
    lost: list[int] = []
    log = AccessLog(str(tmp_path / "log"), lost.append)
    size = len(access_log._line(ENTRY))

    with _limited_to(2 * size + size // 2):  # two lines and a part of the third
        for _ in range(5):
            log.put(ENTRY)
        log._write_waiting()
        log.put(ENTRY)
        log._write_waiting()
        log._write_waiting()
    log.put(ENTRY._replace(id="after"))
    log._write_waiting()
    log.close()

    assert sum(lost) == 4
    *whole, torn, last = (tmp_path / "log").read_bytes().splitlines()
    assert [json.loads(line)["id"] for line in whole] == ["a-1", "a-1"]
    assert access_log._line(ENTRY).startswith(torn)
    assert json.loads(last)["id"] == "after"
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert "cannot write the access log" in told[0]
    assert "4 lines were lost" in told[1]


def test_what_is_lost_until_the_end_is_told_then(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost: list[int] = []
    with _limited_to(0):
        log = AccessLog(str(tmp_path / "log"), lost.append)
        for _ in range(3):
            log.put(ENTRY)
        log.close()

    assert sum(lost) == 3
    assert "3 lines were lost" in capsys.readouterr().err


def test_lines_that_there_is_no_room_for_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(access_log, "MAX_UNWRITTEN", 3)
    monkeypatch.setattr(access_log, "GATHERING_S", 60)
    log = AccessLog(str(tmp_path / "log"))
    for _ in range(5):
        log.put(ENTRY)
    log.close()

    assert "2 lines were dropped" in capsys.readouterr().err


def test_after_a_full_disk_a_new_file_begins_with_a_whole_line(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"))
    with _limited_to(20):
        log.put(ENTRY)
        log._write_waiting()
        (tmp_path / "log").rename(tmp_path / "log.1")
        log.reopen()
        log._write_waiting()
    log.put(ENTRY)
    log.close()

    assert json.loads((tmp_path / "log").read_text())["id"] == "a-1"


def test_standard_output_that_is_closed_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OutputError, match=r"cannot write the access log '-'.*choose another place"):
        AccessLog("-")
