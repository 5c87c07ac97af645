"""Files of measurements: what is read, and what is refused."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from made_up_benchmark import made_up_document

from edgecls.bench.document import read_recorded, recorded_from
from edgecls.errors import MeasurementsError


def _without(document: dict[str, Any], *path: Any) -> dict[str, Any]:
    return _with(document, *path, value=None, drop=True)


def _with(document: dict[str, Any], *path: Any, value: Any, drop: bool = False) -> dict[str, Any]:
    inner: Any = document
    for step in path[:-1]:
        inner = inner[step]
    if drop:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return document


ROUNDS = ("settings", 0, "paced", "latency_ms", "rounds")


def test_what_can_be_compared_is_read_and_the_rest_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "旧.json"
    path.write_text(json.dumps({**made_up_document(), "comparison": {"rows": []}}), encoding="utf-8")

    recorded = read_recorded(path)

    assert list(recorded.series) == [
        "花, cpu, 1 image at a time, back-to-back",
        "花, cpu, 1 image at a time, paced",
        "花, cpu, start",
    ]
    assert recorded.series["花, cpu, start"].times_ms[0] == pytest.approx(1000)
    assert recorded.series["花, cpu, start"].relative_to_reference[0] == pytest.approx(20)
    assert recorded.networks == {"花": "cafe"}


def test_what_was_not_measured_is_no_series() -> None:
    document = _with(
        _with(made_up_document(), "settings", 0, "paced", value=None), "placements", 0, "start_s", value=None
    )

    assert list(recorded_from(document, name="it").series) == ["花, cpu, 1 image at a time, back-to-back"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "'edgecls bench' did not write it"),
        ({}, "'edgecls bench' did not write it"),
        ({"kind": "other"}, "'edgecls bench' did not write it"),
        (_with(made_up_document(), "format", value=2), "it has format 2, this edgecls reads 1"),
        (_without(made_up_document(), "format"), "it has format None"),
        (_without(made_up_document(), "machine"), "damaged \\('machine' is missing\\)"),
        (_with(made_up_document(), "machine", value="fast"), "an object is expected, not 'fast'"),
        (_without(made_up_document(), "settings", 0, "paced"), "'paced' is missing"),
        (_with(made_up_document(), "settings", value=7), "damaged"),
        (_with(made_up_document(), "models", value=[{"name": 7}]), "a text is expected, not '7'"),
        (_with(made_up_document(), *ROUNDS, value="10"), "a list of numbers is expected, not '10'"),
        (_with(made_up_document(), *ROUNDS, value=["10"]), "a number above 0 is expected, not '10'"),
        (_with(made_up_document(), *ROUNDS, value=[True]), "a number above 0 is expected, not 'True'"),
        (_with(made_up_document(), *ROUNDS, 0, value=0), "a number above 0 is expected, not '0'"),
        (_with(made_up_document(), *ROUNDS, 0, value=math.nan), "a number above 0 is expected, not 'nan'"),
        (_with(made_up_document(), *ROUNDS, 0, value=math.inf), "a number above 0 is expected, not 'inf'"),
        (_with(made_up_document(), *ROUNDS, value=[1.0]), "does not have as many rounds as its reference workload"),
        (_without(made_up_document(), "reference_s", "start"), r"\('start', 'one_core'\) is missing"),
        (_with(made_up_document(), *ROUNDS, value=[]), "does not have as many rounds as its reference workload"),
        (_with(made_up_document(), "settings", 0, "reference", value="gpu"), "is missing"),
        (_with(made_up_document(), "reference_s", "start", value=[1.0]), "an object is expected"),
        (made_up_document(settings=["a", "a"]), "'花, a, back-to-back' is there twice"),
    ],
    ids=lambda value: "" if isinstance(value, dict | list) else value[:40],
)
def test_a_document_that_is_not_as_it_should_be_is_refused(document: Any, message: str) -> None:
    with pytest.raises(MeasurementsError, match=f"cannot compare with 'old.json'.*{message}"):
        recorded_from(document, name="old.json")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", json.dumps(made_up_document()).encode()[:-40], b"[" * 100_000],
    ids=["empty", "cut", "no text", "cut at the end", "deep"],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "old.json"
    path.write_bytes(content)

    with pytest.raises(MeasurementsError, match=r"cannot compare with .*old\.json.*damaged"):
        read_recorded(path)


@pytest.mark.parametrize("name", ["gone.json", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(MeasurementsError, match=r"cannot read .*check the path"):
        read_recorded(tmp_path / name)
