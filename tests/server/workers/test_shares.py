import pytest

from edgecls.server.workers.shared_port import share


@pytest.mark.parametrize(
    ("total", "shares"), [(6, [2, 2, 2]), (7, [3, 2, 2]), (8, [3, 3, 2]), (2, [1, 1, 0]), (0, [0, 0, 0])]
)
def test_shares_are_even_and_add_up(total: int, shares: list[int]) -> None:
    assert [share(total, parts=3, number=number) for number in (1, 2, 3)] == shares
