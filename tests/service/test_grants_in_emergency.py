"""Grants while the shared store is away: there are none, and who asks is told so."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from k8sops.core.actor import Actor
from k8sops.core.errors import UsageError
from k8sops.core.plan import ClusterInfo
from k8sops.core.run import Vote
from k8sops.service.config import Config, emergency_file
from k8sops.service.grants_desk import GrantAsked, open_grants

CLUSTER = ClusterInfo(context="demo", server="https://127.0.0.1:1", uid="c-1", name="demo")
ALICE = Actor(name="alice")
WANTED = "01JD0000000000000000000000"


@pytest.mark.parametrize("doing", ["request", "decide", "revoke"])
async def test_a_grant_is_neither_given_nor_taken_back_in_an_emergency(
    doing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else votes on one machine, and what was asked for there would be lost when the records are merged."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    asked = GrantAsked(actions=("scale",), namespaces=("shop",), lasts=timedelta(hours=1))
    async with open_grants(Config(emergency=True)) as grants:
        calls = {
            "request": lambda: grants.request(asked, ALICE, CLUSTER),
            "decide": lambda: grants.decide(WANTED, Vote(verdict="approve", digest=""), ALICE, CLUSTER),
            "revoke": lambda: grants.revoke(WANTED, ALICE, CLUSTER),
        }
        with pytest.raises(UsageError, match="neither given nor taken back in an emergency") as raised:
            await calls[doing]()
    assert "--emergency" in raised.value.hint
    assert not emergency_file().exists()
