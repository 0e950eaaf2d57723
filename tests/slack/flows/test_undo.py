"""Undo in the channel: one plan for one person, however often they tap."""

from __future__ import annotations

from k8sops.core.run import RunFilter, RunSummary
from k8sops_local_slack import Person
from tests.slack.flows.conftest import OPS, Desk
from tests.support.engine_world import eventually


async def undos(desk: Desk) -> list[RunSummary]:
    """The runs that take something back."""
    found = await desk.chat.records.runs(RunFilter())
    runs = [await desk.chat.records.get_run(one.id) for one in found]
    return [one for one, run in zip(found, runs, strict=True) if run.reason.startswith("undo of run")]


def answers(person: Person) -> int:
    """How often they were told of a request: whom it went to, or that it is being planned."""
    return sum(person.screen(OPS).count(text) for text in ("Asked directly", "is being planned"))


async def test_whoever_taps_undo_twice_asks_once_and_is_shown_it_again(desk: Desk) -> None:
    """Two identical requests to the same approver: the second would be refused once the first is done, or worse."""
    await desk.web(2)
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    await bob.click(await desk.message(OPS, "Approve"), "run.approve")
    done = await desk.message(OPS, "Undo")
    before = answers(alice)
    await alice.click(done, "run.undo", wait=False)
    await alice.click(done, "run.undo", wait=False)
    card = await desk.message(OPS, "goes from 3 to 2")
    await desk.slack.until(lambda: answers(alice) >= before + 2)
    await alice.click(done, "run.undo")
    await desk.slack.until(lambda: answers(alice) >= before + 3)
    (undo,) = await undos(desk)
    asked = [one for one in desk.slack.messages(desk.direct("bob")) if "goes from 3 to 2" in str(one.blocks)]
    assert len(asked) == 1
    await bob.click(card, "run.deny")
    await desk.slack.until(lambda: bob.modal and "Why not?" in bob.modal_screen())
    await bob.submit({"Why not?": "not now"})
    await desk.shown("alice", OPS, "by bob: not now")
    await alice.click(done, "run.undo")

    async def again() -> bool:
        return len(await undos(desk)) > 1

    await eventually(again)
    assert undo.id in {one.id for one in await undos(desk)}, "what has ended is asked for anew"
