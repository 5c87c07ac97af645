"""Which images are done, and what their rows rest on."""

import pytest

from edgecls.results.resume import SeenImages, changed_facts
from edgecls.results.rows import written_name


def test_names_are_seen_once_whatever_bytes_they_have() -> None:
    seen = SeenImages()
    names = [written_name(name) for name in ("a", "caf\udce9.png", "猫.png")]

    assert [seen.add(name) for name in [*names, *names]] == [True] * 3 + [False] * 3
    assert names[1] == "caf\\xe9.png"
    assert len(seen) == 3
    assert [name in seen for name in [*names, "b"]] == [True, True, True, False]
    seen.close()


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ({"a": 1, "options": {"top": 2}}, []),
        ({"a": 1, "options": {"top": 2}, "finished": True}, []),
        ({"a": 1, "options": {"top": 1}}, ["top was 1, is 2"]),
        ({"options": {"top": 2}}, ["a was null, is 1"]),
        ({"a": 1, "options": None}, ['options was null, is {"top": 2}']),
    ],
    ids=["the-same", "with-a-note", "an-option", "a-new-fact", "another-kind"],
)
def test_changed_facts_are_named_with_both_values(before: dict[str, object], said: list[str]) -> None:
    assert changed_facts(before, {"a": 1, "options": {"top": 2}}) == said
