"""What waits for a slot, in memory: in service order, once each, and nothing again that is in hand or has just ended."""
from __future__ import annotations

import pytest

from fsbus.core.names import TaskName, parse_task
from fsbus.duties.backlog import Backlog
from fsbus.duties.baton import Baton


def task(digit: int, second: int, attempt: int = 1) -> TaskName:
    """An acked task that was made in this second."""
    found = parse_task(f"{digit}-20261122-0214{second:02d}123-m2x9rt-x.a{attempt}.acked.md")
    assert found is not None
    return found


A, B, C, URGENT = task(5, 1), task(5, 2), task(5, 3), task(1, 4)
AGAIN, COPY = task(5, 1, 2), task(3, 1)  # a further attempt of A; A, copied under another digit


@pytest.fixture
def backlog() -> Backlog:
    """One whose only thread holds the baton."""
    return Backlog(Baton())


def rest(backlog: Backlog) -> list[TaskName | None]:
    """All that is given out, until it is empty."""
    return [backlog.take() for _ in range(len(backlog))]


@pytest.mark.parametrize("lots", [[[C, URGENT, A, B]], [[B], [C], [A], [URGENT]], [[A, C], [URGENT, B]]])
def test_what_is_given_out_is_the_first_by_name(backlog: Backlog, lots: list[list[TaskName]]) -> None:
    for lot in lots:
        backlog.add(lot)
    assert rest(backlog) == [URGENT, A, B, C]


def test_what_waits_already_is_not_added_twice(backlog: Backlog) -> None:
    backlog.add([A])
    backlog.add([A, B])
    assert rest(backlog) == [A, B]


def test_a_listing_brings_back_nothing_that_is_in_hand_or_ended_since_it_began(backlog: Backlog) -> None:
    backlog.add([A, B])
    backlog.begin_listing()
    assert backlog.take() == A
    backlog.add([A, B])
    assert len(backlog) == 1
    backlog.done(A)
    backlog.add([A, B])
    assert len(backlog) == 1
    backlog.begin_listing()
    backlog.add([A, B])
    assert len(backlog) == 2, "put back by hand, perhaps: it lies there"


def test_it_is_in_hand_until_it_is_done(backlog: Backlog) -> None:
    assert not backlog.in_hand()
    backlog.add([A])
    assert not backlog.in_hand()
    backlog.take()
    assert backlog.in_hand()
    backlog.done(A)
    assert not backlog.in_hand()


def test_the_latest_attempt_of_what_is_urged_is_first_whatever_the_slot(backlog: Backlog) -> None:
    backlog.add([A, AGAIN, B, URGENT])
    backlog.urge("nobody")
    backlog.urge(A.key)
    assert len(backlog) == 4
    assert backlog.take(reserved=True) == AGAIN
    assert rest(backlog) == [URGENT, A, B]


def test_the_attempt_that_is_withdrawn_is_in_hand(backlog: Backlog) -> None:
    backlog.add([A, AGAIN, B, C])
    backlog.urge(B.key)
    assert backlog.withdraw(A.key, lambda attempt: attempt == 3) is None
    assert backlog.withdraw(A.key, lambda attempt: attempt == 2) == AGAIN
    assert backlog.withdraw(B.key, lambda _: True) == B
    assert backlog.withdraw(C.key, lambda _: True) == C
    assert backlog.withdraw("nobody", lambda _: True) is None
    backlog.add([AGAIN, B, C])
    assert rest(backlog) == [A]
    backlog.done(AGAIN)
    backlog.begin_listing()
    backlog.add([AGAIN])
    assert rest(backlog) == [AGAIN]


@pytest.mark.parametrize("urged", [True, False])
def test_the_order_stays_when_some_are_taken_out_of_it(backlog: Backlog, urged: bool) -> None:
    row = [task(second * 7 % 10, second) for second in range(60)]
    backlog.add(row)
    some = row[::3]
    for name in some:
        if urged:
            backlog.urge(name.key)
        else:
            backlog.withdraw(name.key, lambda _: True)
    left = sorted(set(row).difference(some))
    assert rest(backlog) == ([*some, *left] if urged else left)


def test_what_was_not_started_waits_again_once(backlog: Backlog) -> None:
    backlog.add([A, B])
    assert backlog.take() == A
    backlog.give_back(A)
    assert len(backlog) == 2
    backlog.add([A])
    assert rest(backlog) == [A, B]


def test_a_copy_of_what_is_in_hand_waits_until_that_has_ended(backlog: Backlog) -> None:
    backlog.add([A, COPY, B])
    assert [backlog.take(), backlog.take()] == [COPY, B]
    assert len(backlog) == 0
    backlog.done(B)
    assert len(backlog) == 0
    backlog.done(COPY)
    assert rest(backlog) == [A]
    backlog.done(A)
    assert len(backlog) == 0


def test_a_closed_one_gives_nothing_out_and_takes_nothing_in(backlog: Backlog) -> None:
    backlog.add([A, COPY, B, C])
    backlog.urge(C.key)
    assert [backlog.take(), backlog.take(), backlog.take()] == [C, COPY, B]
    backlog.close()
    assert backlog.in_hand(), "it is waited for"
    backlog.add([URGENT])
    backlog.give_back(B)
    backlog.done(COPY)
    assert len(backlog) == 0
    assert backlog.take() is None
    backlog.close(abandon=True)
    assert not backlog.in_hand()
