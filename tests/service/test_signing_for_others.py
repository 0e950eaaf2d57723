"""A chat's bot signs for those whom the policy lets it speak for, says that it attests, and is believed by carriers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock
from k8sops.core.errors import StatementError
from k8sops.engine.signing import Saying
from k8sops.policy.pins import pinned_keys
from k8sops.policy.statements import About, Signed, verify
from k8sops.service.signing import KeySigner
from k8sops.store.statement_rows import SignedBytes, StatementRow
from tests.policy.test_statements_carrier import KEYS, PLAN, RUN, pin, the_policy

POLICY = the_policy(
    people={
        "alice": {"groups": ["dev"], "slack": [{"team": "T1", "user": "U1"}]},
        "bob": {"groups": ["ops"], "keys": [pin("bob")], "slack": [{"team": "T1", "user": "U2"}]},
        "carol": {"groups": ["ops"], "slack": [{"team": "T2", "user": "U3"}]},
    }
)
CLOCK = SystemClock()
SAYING = Saying(
    kind="propose", subject=RUN, digest=PLAN.digest, cluster_uid=PLAN.cluster.uid, execute_as=PLAN.execute_as
)


def bot() -> KeySigner:
    """The bot of team T1."""
    return KeySigner(KEYS["bot"], POLICY, CLOCK)


def clicked(user: str, team: str = "T1") -> Actor:
    """A user of the chat."""
    return Actor(name=user, team=team, surface="slack", auth="slack")


def stored(row: StatementRow) -> SignedBytes:
    """What the store gives back."""
    return SignedBytes(body=row.body, signature=row.signature, key_id=row.key_id)


def test_what_the_bot_signs_is_believed_as_the_persons_own_click() -> None:
    """Carriers believe no store: the click counts because a pinned key says whose it was, and that it was a click."""
    row = bot().sign(SAYING, clicked("U1"))
    found = verify(
        Signed(body=row.body, signature=row.signature, key_id=row.key_id),
        pinned_keys(POLICY.file),
        now=CLOCK.now(),
        about=About(run=RUN, digest=PLAN.digest, cluster_uid=PLAN.cluster.uid),
    )
    assert (found.person, found.surface) == ("alice", "slack")


@pytest.mark.parametrize("who", [clicked("U9"), clicked("U3", "T2"), clicked("U1", "T2")])
def test_it_speaks_for_nobody_it_was_not_pinned_for(who: Actor) -> None:
    """A bot that joins two workspaces must not let one of them vote as persons of the other."""
    with pytest.raises(StatementError, match="is the bot's, which may not speak for"):
        bot().sign(SAYING, who)


def test_what_one_person_has_said_through_the_bot_is_not_what_another_has() -> None:
    """Both are signed with the same key: who said it stands in the statement alone."""
    row = stored(bot().sign(SAYING, clicked("U1")))
    assert bot().has_said(SAYING, (row,), clicked("U1"))
    assert not bot().has_said(SAYING, (row,), clicked("U2"))


def test_what_needs_a_persons_own_key_is_not_signed_for_them() -> None:
    """Settling what nobody knows the outcome of, or a grant for hours, takes more than a click."""
    resume = Saying(
        kind="resume", subject=RUN, digest=PLAN.digest, cluster_uid=PLAN.cluster.uid, verdict="done",
        step="drain/a", until=CLOCK.now() + timedelta(hours=1),
    )  # fmt: skip
    with pytest.raises(StatementError, match="it takes the person's own key"):
        bot().sign(resume, clicked("U1"))
