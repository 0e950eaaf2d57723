"""When the small lists of a backup may begin: beside the last pages of the large ones, and never for good too late."""

from __future__ import annotations

import asyncio

from k8sops.actions.backups.ending import Ending
from tests.tui.feeds import FixedClock

PODS, SECRETS = ("", "pods"), ("", "secrets")


def _is_near(ending: Ending) -> bool:
    waiting = ending.near()
    try:
        waiting.send(None)
    except StopIteration:
        return True
    waiting.close()
    return False


async def test_it_is_near_once_the_rest_takes_no_longer_than_was_said() -> None:
    """Sooner and they have to be looked at again in the end; later and the server has nothing to do meanwhile."""
    clock = FixedClock()
    ending = Ending(clock, 0.5)
    ending.expect([PODS])
    clock.forward(1.0)
    ending.came(PODS, 1000, 600)
    assert not _is_near(ending)
    clock.forward(0.2)
    ending.came(PODS, 500, 100)
    assert _is_near(ending)


async def test_a_list_that_has_not_answered_yet_may_be_long() -> None:
    """What is left of the others then says nothing."""
    clock = FixedClock()
    ending = Ending(clock, 0.5)
    ending.expect([PODS, SECRETS])
    clock.forward(1.0)
    ending.came(PODS, 1000, 0)
    assert not _is_near(ending)
    ending.came(SECRETS, 500, 0)
    assert _is_near(ending)


async def test_where_the_server_does_not_say_how_much_is_to_come_the_end_itself_is_waited_for() -> None:
    """With a label selector there is none (meta/v1, ListMeta.remainingItemCount), and nobody may wait for ever."""
    clock = FixedClock()
    ending = Ending(clock, 0.5)
    ending.expect([PODS])
    clock.forward(1.0)
    ending.came(PODS, 500, -1)
    waiting = asyncio.create_task(ending.near())
    await asyncio.sleep(0)
    assert not waiting.done()
    ending.ended(PODS)
    await waiting


async def test_where_nothing_large_is_read_there_is_nothing_to_wait_for() -> None:
    """A backup of a few kinds has small lists alone."""
    ending = Ending(FixedClock(), 0.5)
    ending.expect([])
    assert _is_near(ending)
