import pytest

from edgecls.server.middleware.middleware import RequestIds


@pytest.mark.parametrize("given", ["a", "7b3f-11", "trace:1/2+3=", "x" * 128])
def test_a_well_formed_identifier_is_kept(given: str) -> None:
    assert RequestIds().identify(given) == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, 'a"b', "猫", "a\r\nSet-Cookie: b"])
def test_any_other_gets_one_made_here(given: str) -> None:
    ids = RequestIds()

    made = {ids.identify(given) for _ in range(100)}
    assert len(made) == 100
    assert given not in made


def test_two_processes_make_different_ones() -> None:
    assert RequestIds().identify("") != RequestIds().identify("")
