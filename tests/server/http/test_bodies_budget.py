"""Memory for bodies, and who may hold how much of it."""

import pytest

from edgecls.server.http.limits import BodiesBudget, plain_address


def _fill(budget: BodiesBudget, client: str, step: int = 1) -> int:
    """Take as much as a client gets, and return how much that is."""
    share, taken = budget.share_of(client), 0
    while share.take(step):
        taken += step
    return taken


def test_a_client_gets_as_much_as_it_leaves_free() -> None:
    budget = BodiesBudget(1200)

    assert [_fill(budget, f"10.0.0.{n}") for n in range(4)] == [600, 300, 150, 75]
    assert budget.used_bytes == 1125


def test_clients_that_take_turns_get_the_same() -> None:
    budget = BodiesBudget(1200)
    shares = [budget.share_of(f"10.0.0.{n}") for n in range(3)]

    taken = [sum(share.take(1) for share in shares) for _ in range(1200)]

    assert sum(taken[:300]) == 900
    assert sum(taken[301:]) == 0


def test_what_is_given_back_is_there_again() -> None:
    budget = BodiesBudget(100)
    share = budget.share_of("10.0.0.1")

    assert share.take(50)
    assert not share.has_room(1)
    share.give_back(50)
    assert share.has_room(50)
    assert budget.used_bytes == 0


def test_nothing_always_has_room() -> None:
    budget = BodiesBudget(0)

    assert budget.share_of("10.0.0.1").take(0)


@pytest.mark.parametrize(
    ("other", "same"),
    [("2001:db8::2", True), ("2001:db8:0:0:ffff::1", True), ("2001:db8:0:1::1", False), ("10.0.0.1", False)],
)
def test_the_addresses_of_an_ipv6_network_are_one_client(other: str, same: bool) -> None:
    budget = BodiesBudget(100)
    _fill(budget, "2001:db8::1")

    assert budget.share_of(other).take(1) is not same


def test_an_interface_in_an_address_is_passed_over() -> None:
    assert BodiesBudget(10).share_of("fe80::1%eth0").take(5)


@pytest.mark.parametrize(
    ("address", "plain"), [("::ffff:10.0.0.1", "10.0.0.1"), ("::1", "::1"), ("10.0.0.1", "10.0.0.1"), ("", "")]
)
def test_an_ipv4_client_of_an_ipv6_socket_has_its_own_address(address: str, plain: str) -> None:
    assert plain_address(address) == plain
