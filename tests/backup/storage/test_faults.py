"""Networks that fail between us and the storage: nothing is lost, doubled or mistaken, and every wait ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import pytest

from k8sops.backup.storage.errors import NameTakenError
from k8sops.backup.storage.opening import Limits
from k8sops.core.errors import DeadlineError, K8sOpsError, UnreachableError
from tests.backup.storage.places import names, opened
from tests.support.storage_servers import KEY, SECRET
from tests.support.tcp_faults import Fault, TcpFaults

T = TypeVar("T")
HANG: Fault = "hang"
BUSY: Fault = "503"

ENVIRON = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
IMPATIENT = Limits(connect=5, request=5, retries=1, retry_window=5, deadline=20)


@pytest.fixture
async def relay(s3_bucket: str) -> AsyncIterator[TcpFaults]:
    """The S3 server behind a relay that breaks what it is told to."""
    async with TcpFaults(s3_bucket) as relay:
        yield relay


async def _answer(attempt: Awaitable[T]) -> T | K8sOpsError:
    try:
        return await attempt
    except K8sOpsError as error:
        return error


@pytest.mark.parametrize("fault", ["refuse", "lose the answer", "503"])
async def test_a_put_that_is_broken_off_ends_as_one_file_of_ours(relay: TcpFaults, fault: Fault) -> None:
    """Whether the file arrived is not known to whoever lost the answer; sending it again has to be harmless."""
    storage = await opened(f"s3://backups/faults-{fault[:3]}?endpoint={relay.endpoint}", ENVIRON)
    relay.next(fault, fault)
    answers = [await _answer(storage.put("backups/c/000000000001", b"ours")) for _ in range(3)]
    assert answers[-1] is None
    for answer in filter(None, answers):
        assert isinstance(answer, UnreachableError)
        assert answer.outcome_unknown, "a put that was sent and not answered may have been made"
        assert answer.transient
    assert relay.left == 0
    assert await storage.read("backups/c/000000000001", at_most=10) == b"ours"
    assert await names(storage) == ["backups/c/000000000001"]


async def test_an_answer_that_was_lost_is_not_taken_for_somebody_else_s_file(relay: TcpFaults) -> None:
    """Else a backup would take the next number and commit twice."""
    url = f"s3://backups/faults-lost?endpoint={relay.endpoint}"
    storage = await opened(url, ENVIRON, IMPATIENT)
    relay.next("lose the answer", "lose the answer", "lose the answer")
    with pytest.raises(UnreachableError):
        await storage.put("backups/c/000000000001", b"ours")
    other = await opened(url, ENVIRON)
    relay.next()
    await other.put("backups/c/000000000001", b"ours")
    with pytest.raises(NameTakenError):
        await other.put("backups/c/000000000001", b"theirs")


@pytest.mark.parametrize("fault", ["refuse", "lose the answer", "503"])
async def test_reads_and_listings_are_repeated(relay: TcpFaults, fault: Fault) -> None:
    """A backup of an hour must not fail for one connection."""
    storage = await opened(f"s3://backups/reads-{fault[:3]}?endpoint={relay.endpoint}", ENVIRON)
    await storage.put("packs/ab/one", b"0123456789")
    looks: list[Callable[[], Awaitable[object]]] = [
        lambda: storage.read("packs/ab/one", at_most=10),
        lambda: storage.read_range("packs/ab/one", 2, 3),
        lambda: storage.stat("packs/ab/one"),
        lambda: names(storage),
    ]
    for look in looks:
        relay.next(fault, fault)
        assert await look()
        assert relay.left == 0


async def test_an_answer_that_is_cut_is_no_shorter_file(relay: TcpFaults) -> None:
    """Half a pack must be an error or the whole pack, never half a pack."""
    data = bytes(range(256)) * 40_000
    storage = await opened(f"s3://backups/cut?endpoint={relay.endpoint}", ENVIRON, IMPATIENT)
    await storage.put("packs/ab/one", data)
    looks: list[Callable[[], Awaitable[bytes]]] = [
        lambda: storage.read("packs/ab/one", at_most=1 << 24),
        lambda: storage.read_range("packs/ab/one", 0, len(data)),
    ]
    for look in looks:
        relay.next("cut the answer")
        answer = await _answer(look())
        assert answer == data or (isinstance(answer, UnreachableError) and not answer.outcome_unknown)
        assert relay.left == 0


async def test_a_storage_that_never_answers_is_given_up(relay: TcpFaults) -> None:
    """The schedule's next firing must find the last one ended."""
    storage = await opened(f"s3://backups/hang?endpoint={relay.endpoint}", ENVIRON, IMPATIENT)
    relay.next(*[HANG] * 20)
    with pytest.raises(UnreachableError) as put:
        await storage.put("packs/ab/one", b"1")
    assert put.value.outcome_unknown
    with pytest.raises(UnreachableError) as read:
        await storage.read("packs/ab/one", at_most=1)
    assert not read.value.outcome_unknown
    assert isinstance(put.value, DeadlineError)


async def test_a_storage_that_is_away_is_unreachable() -> None:
    """Exit code 6: a network, not a failed backup."""
    storage = await opened("s3://backups/x?endpoint=http://127.0.0.1:9", ENVIRON, IMPATIENT)
    for attempt in (storage.put("a", b"1"), storage.read("a", at_most=1), storage.stat("a"), names(storage)):
        with pytest.raises(UnreachableError, match="s3://backups/x could not be reached") as caught:
            await attempt
        assert caught.value.exit_code == 6


async def test_a_storage_that_stays_busy_is_said_to_be(relay: TcpFaults) -> None:
    """S3 answers 503 to those who ask too often."""
    storage = await opened(f"s3://backups/busy?endpoint={relay.endpoint}", ENVIRON, IMPATIENT)
    relay.next(*[BUSY] * 20)
    with pytest.raises(UnreachableError, match="answered HTTP 503 until patience ran out") as caught:
        await storage.put("a", b"1")
    assert caught.value.transient
