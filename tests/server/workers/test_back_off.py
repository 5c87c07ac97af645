from edgecls.server.workers.supervisor import LONG_LIVED_S, LONGEST_S, BackOff


def test_the_first_death_costs_no_wait_and_the_next_ones_ever_longer() -> None:
    back_off = BackOff()

    assert [back_off.after(1.0) for _ in range(5)] == [0, 0.5, 1, 2, 4]


def test_the_wait_has_a_bound() -> None:
    back_off = BackOff()

    assert max(back_off.after(0.1) for _ in range(50)) == LONGEST_S


def test_one_that_lived_long_starts_at_once_again() -> None:
    back_off = BackOff()
    for _ in range(5):
        back_off.after(0.1)

    assert [back_off.after(LONG_LIVED_S), back_off.after(0.1)] == [0, 0.5]
