"""Who `k8sops demo --slack` lets one play, in which rooms, by which policy; and what it suggests to try first.

The policy is the company's with three things more: whom Slack's ids mean, that its cluster counts as production, and
that whoever changes something there needs a second person's yes. It is written beside the company's, which stays as it
is for whoever plays on the screen meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from k8sops.sandbox.locations import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from k8sops.service.history import Place
    from k8sops_local_slack.workspace import Workspace

TEAM: Final = "T0ACME"
OPS: Final = "C0OPS"
USERS: Final = {"alice": "U0ALICE", "bob": "U0BOB"}
ON_CALL: Final = "on-call"
SECOND_PAIR: Final[dict[str, Any]] = {
    "name": "two-people-in-production",
    "match": {"environments": ["production"]},
    "effect": "approve",
    "from": ["ops", ON_CALL],
    "why": "in production a second person looks",
}
LINE: Final = '/k8s scale deployment/web --replicas 6 -n shop --reason "evening peak"'
STEPS: Final = (
    ("As alice, in # ops, send this line", LINE),
    ("Its card says what would change and who has to agree; Details has the whole plan", ""),
    ("Be bob: he is on call, and it waits in his messages too. Approve", ""),
    ("Open the card's thread: how far it is, and how it ended", ""),
    ("Be alice again, and press Undo: a plan of its own, again with a yes from bob", ""),
)
"""What is suggested, with the line to send where there is one."""


def team(tz_offset: int) -> Workspace:
    """The workspace, with the bot's own manifest: what it does not ask for is refused here, too.

    `tz_offset` is by which clock its people read times, in seconds east of Greenwich.
    """
    from k8sops_local_slack.workspace import Workspace, app_from_manifest
    from k8sops_slack.manifest import manifest

    space = Workspace(app_from_manifest(manifest()), team_id=TEAM, team_name="Acme", team_domain="acme")
    for name, user in USERS.items():
        space.add_user(user, name, tz_offset=tz_offset)
    space.add_usergroup("S0OPS", "ops", USERS["alice"])
    space.add_usergroup("S0ONCALL", ON_CALL, USERS["bob"])
    space.add_channel(OPS, "ops", *USERS.values())
    return space


def write_policy(place: Place) -> Path:
    """Write the policy of this team beside the company's; gives its path."""
    document = yaml.safe_load(place.policy.read_text(encoding="utf-8"))
    for person, user in USERS.items():
        document["people"][person]["slack"] = [{"team": TEAM, "user": user}]
    document["people"]["bob"]["groups"].append(ON_CALL)
    (cluster,) = document["clusters"]
    cluster["environment"] = "production"
    document["rules"].append(SECOND_PAIR)
    document["slack"] = {"channels": [{"team": TEAM, "channel": OPS, "cluster": cluster["name"]}]}
    path = place.root / "slack-policy.yaml"
    write_private(path, yaml.safe_dump(document, sort_keys=False).encode())
    return path


def story(address: str) -> str:
    """Where the page is, and what to try first."""
    lines = [
        part
        for number, (text, line) in enumerate(STEPS, 1)
        for part in (f"  {number}. {text}{':' if line else ''}", *([f"       {line}"] if line else []))
    ]
    port = address.rsplit(":", 1)[1]
    return "\n".join(
        (
            f"The page: {address}",
            f"(from another machine: ssh -L {port}:127.0.0.1:{port} HERE, then the same address there)",
            "",
            *lines,
            "",
            "Ctrl-C ends it.",
        )
    )
