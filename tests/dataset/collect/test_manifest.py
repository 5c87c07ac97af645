"""What became of each address."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgecls.dataset.collect.manifest import Manifest, Record
from edgecls.errors import DatasetError, OutputError
from edgecls.image_limits import ImageLimits

RECORD = Record("http://a.test/猫.png", "猫", "saved", "2026-01-02T03:04:05+00:00", keyword="小猫", width=80, height=60)
LIMITS = ImageLimits(max_bytes=1000, max_pixels=10_000)


def test_a_record_is_one_line_of_readable_json(tmp_path: Path) -> None:
    path = tmp_path / "collected.jsonl"
    with Manifest(path) as manifest:
        manifest.add(RECORD)

        text = path.read_text(encoding="utf-8")  # on the disk before the manifest is closed

    assert text.count("\n") == 1
    assert "猫.png" in text
    assert json.loads(text) == {
        "url": "http://a.test/猫.png",
        "label": "猫",
        "outcome": "saved",
        "time": "2026-01-02T03:04:05+00:00",
        "keyword": "小猫",
        "width": 80,
        "height": 60,
    }


def test_records_are_read_back_and_the_latest_of_an_address_counts(tmp_path: Path) -> None:
    with Manifest(tmp_path / "m.jsonl") as manifest:
        manifest.add(replace(RECORD, outcome="timeout"))
        manifest.add(RECORD)
    with Manifest(tmp_path / "m.jsonl") as manifest:
        assert manifest.latest == {RECORD.url: RECORD}
        manifest.add(replace(RECORD, url="http://a.test/2"))
    with Manifest(tmp_path / "m.jsonl") as manifest:
        assert list(manifest.latest) == [RECORD.url, "http://a.test/2"]


@pytest.mark.parametrize("tail", [b'{"url": "http://a.t', b"\xe7\x8c", b"{}"])
def test_a_torn_last_line_is_removed_and_the_file_goes_on_whole(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "m.jsonl"
    with Manifest(path) as manifest:
        manifest.add(RECORD)
    whole = path.read_bytes()
    path.write_bytes(whole + tail)

    with Manifest(path) as manifest:
        assert manifest.latest == {RECORD.url: RECORD}
        manifest.add(RECORD)

    assert path.read_bytes() == whole * 2


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b"not json",
        b"\xff",
        b'{"url": 1, "label": "a", "outcome": "saved", "time": ""}',
        b'{"url": "u", "label": "a", "outcome": "saved", "time": "", "width": "80"}',
    ],
)
def test_a_damaged_line_elsewhere_is_refused_with_its_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "m.jsonl"
    with Manifest(path) as manifest:
        manifest.add(RECORD)
    path.write_bytes(path.read_bytes() + line + b"\n")

    with pytest.raises(DatasetError, match=r"line 2 of .*m\.jsonl"):
        Manifest(path)


def test_a_manifest_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="choose another place"):
        Manifest(tmp_path)


@pytest.mark.parametrize(
    ("record", "settled"),
    [
        (RECORD, True),
        (replace(RECORD, outcome="duplicate"), True),
        (replace(RECORD, outcome="not_an_image"), True),
        (replace(RECORD, outcome="http_404"), True),
        (replace(RECORD, outcome="timeout"), False),
        (replace(RECORD, outcome="http_503"), False),
        (replace(RECORD, outcome="http_429"), False),
        (replace(RECORD, outcome="refused_address"), False),
        (replace(RECORD, outcome="too_small", width=49), True),
        (replace(RECORD, outcome="too_small", width=50), False),
        (replace(RECORD, outcome="too_large", bytes=1000), True),
        (replace(RECORD, outcome="too_large", bytes=999), False),
        (replace(RECORD, outcome="too_many_pixels", width=101, height=100), True),
        (replace(RECORD, outcome="too_many_pixels", width=100, height=100), False),
    ],
)
def test_only_what_could_end_otherwise_is_fetched_again(record: Record, settled: bool) -> None:
    assert record.settles(min_sides=(60, 50), limits=LIMITS) is settled
