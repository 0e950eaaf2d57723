"""Secrets lie wherever clusters and people leave them; not a letter of them is read in Slack, by anybody, ever.

Looked through: all calls of the bot with their answers, all messages in all versions, all screens, all files.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import k8sops_slack
from k8sops.core.errors import K8sOpsError
from k8sops.core.plan import JsonObject
from k8sops.core.run import RunFilter, RunState
from tests.service.chat.office import USERS
from tests.slack.flows.conftest import OPS, Desk
from tests.slack.flows.test_hostile import answered
from tests.support.persons import granted, rule
from tests.support.workloads import create, deployment, naked_pod

# Put together here, so that nothing in this file is what a scanner of repositories looks for.
BODY: Final = "MIIEpAIBAAKCAQEAxQpLanted7rfGh2Kd9sT4vWzYbNcMeUiJoPlKmNjHbGvFcDxS"
VALUES: Final[Mapping[str, str]] = {
    "bearer": "pLanted1" + "Bearer2Token3Value4",
    "aws-id": "AKIA" + "PLANTED2X7QW9ERT",
    "aws-key": "pLanted3" + "wJalrXUtnFEMIK7MDENGbPxRfiCYzQ7Lk",
    "password": "pLanted4-hunter2",
    "dsn": "pLanted5s3cr3tpw",
    "pem": BODY,
    "github": "ghp_" + "pLanted6aB3daB3daB3daB3daB3daB3daB3d",
    "jwt": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiJwTGFudGVkNyJ9" + ".pLanted7dBjftJeZ4CVPmB92K27uhbUJU1p1r",
}
PEM: Final = "\n".join(
    [f"-----BEGIN {'RSA PRIVATE'} KEY-----", BODY, BODY, f"-----END {'RSA PRIVATE'} KEY-----"]
)
TOLD: Final[Mapping[str, str]] = {
    "bearer": f"Authorization: Bearer {VALUES['bearer']}",
    "aws-id": f"with {VALUES['aws-id']} as key",
    "aws-key": f"aws_secret_access_key={VALUES['aws-key']}",
    "password": f"password={VALUES['password']}",
    "dsn": f"postgres://web:{VALUES['dsn']}@db.example.com:5432/shop",
    "pem": PEM,
    "github": f"https://example.com/?x={VALUES['github']}",
    "jwt": f"token {VALUES['jwt']}",
}
ALL: Final = " and ".join(TOLD.values())
MARKS: Final = tuple(
    {piece for value in VALUES.values() for piece in (value[:12], value[-12:])}
    | {base64.b64encode(VALUES["password"].encode()).decode()[:12]}
)
"""Half a secret is one too."""
MAY: Final = (
    rule("", "namespaces", "get"),
    rule("*", "*", "get", "list", "watch", "patch", "update", "create"),
)
ADMISSION: Final = "admissionregistration.k8s.io/v1"


def secret(namespace: str) -> JsonObject:
    """A Secret as `kubectl apply` leaves it: the annotation holds all of it once more."""
    data = {"password": base64.b64encode(VALUES["password"].encode()).decode()}
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db"},
        "data": data,
        "stringData": TOLD,
    }
    return body | {"metadata": {"name": "db", "namespace": namespace, "annotations": applied(body)}}


def applied(body: JsonObject) -> dict[str, str]:
    """What is noted about an object's last apply, and what people note."""
    return {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(body), "note": ALL}


def told_by_deployment(name: str, namespace: str) -> JsonObject:
    """A Deployment whose environment holds secrets, in the clear."""
    manifest = deployment(name, namespace)
    env = [{"name": f"V{number}", "value": text} for number, text in enumerate(TOLD.values())]
    env.append({"name": "DB_PASSWORD", "value": VALUES["password"]})
    manifest["spec"]["template"]["spec"]["containers"][0]["env"] = env
    manifest["metadata"]["annotations"] = applied(manifest["spec"])
    return manifest


async def plant(desk: Desk) -> None:
    """Secrets in Secrets, environments, annotations, statuses and events."""
    admin, namespace = desk.office.admin, desk.namespace
    await create(admin, secret(namespace))
    for name in ("web", "guarded"):
        await create(admin, told_by_deployment(name, namespace))
    pods = await admin.resource("pods")
    for number, text in enumerate([*TOLD.values(), ALL]):
        pod = naked_pod(f"told-{number}", namespace)
        # Nobody places it, so that nobody else writes its status.
        pod["spec"]["schedulerName"] = "nobody"
        pod["metadata"]["annotations"] = {"note": text}
        await create(admin, pod)
        body = {"status": {"phase": "Failed", "reason": text, "message": f"it ended: {text}"}}
        await admin.patch(pods, f"told-{number}", namespace, body=body, subresource="status")
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"told-{number}", "namespace": namespace},
            "involvedObject": {"kind": "Pod", "name": f"told-{number}", "namespace": namespace},
            "reason": "Failed",
            "message": text[:1024],
            "type": "Warning",
            "count": 3,
        }
        await create(admin, event)


@asynccontextmanager
async def guarded(desk: Desk) -> AsyncIterator[None]:
    """Admission refuses changes of one Deployment, and its words quote secrets."""
    admin, name = desk.office.admin, f"{desk.namespace}-quotes"
    rules = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "resources": ["deployments"],
        "operations": ["UPDATE"],
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": desk.namespace}}}
    refuses = {"expression": "object.metadata.name != 'guarded'", "message": ALL.replace("\n", " ")}
    await create(
        admin,
        {
            "apiVersion": ADMISSION, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
            "spec": {"matchConstraints": {"resourceRules": [rules], **here}, "validations": [refuses]},
        },
    )  # fmt: skip
    await create(
        admin,
        {
            "apiVersion": ADMISSION, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": here},
        },
    )  # fmt: skip
    try:
        async with asyncio.timeout(120):
            while not await refuses_change(desk):  # noqa: ASYNC110 - told by being asked
                await asyncio.sleep(0.05)
        yield
    finally:
        for kind in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
            await admin.delete(await admin.resource(kind), name)


async def refuses_change(desk: Desk) -> bool:
    """Whether admission has heard of it."""
    deployments = await desk.office.admin.resource("deployments")
    try:
        body = {"metadata": {"annotations": {"tried": "yes"}}}
        await desk.office.admin.patch(deployments, "guarded", desk.namespace, body=body)
    except K8sOpsError:
        return True
    return False


def everything(desk: Desk) -> str:
    """All that the bot said and all that anybody sees."""
    slack = desk.slack
    parts = [str((call.method, call.args, call.answer)) for call in slack.journal.calls]
    for message in slack.world.board.everything():
        if message.author == slack.workspace.app.bot_user:
            parts += [message.all_text(), str(message.earlier)]
    for name in USERS:
        person = desk.person(name)
        parts += [
            person.screen(),
            person.screen(OPS),
            person.home_screen(),
            *person.notices,
            *person.notifications(),
        ]
    parts += [(file.content or b"").decode() for file in slack.files()]
    return "\n".join([*parts, *desk.said])


def check_nothing_leaked(desk: Desk) -> None:
    """Not a piece of any secret, nor of the bot's own tokens."""
    app = desk.slack.workspace.app
    said = everything(desk)
    for mark in (*MARKS, app.bot_token, app.app_token, app.signing_secret, "BEGIN CERTIFICATE"):
        at = said.find(mark)
        assert at < 0, said[max(0, at - 300) : at + 100]


async def test_what_is_read_of_a_cluster_full_of_secrets_holds_none(desk: Desk) -> None:
    """Every word that reads, with its files and with what is shared."""
    async with granted(desk.office.admin, desk.office.called("alice"), *MAY):
        await plant(desk)
        alice = desk.person("alice")
        for line in (
            *("status", "runs", "schedules", "backups", "audit", "whoami", "help", "help edit"),
            *(
                f"get {kind} -n {desk.namespace}"
                for kind in ("pods", "events", "deployments", "secrets", "replicasets")
            ),
            f"timeline -n {desk.namespace}",
            *("get pods -A", f"get pods told-8 -n {desk.namespace}", "get nodes", "get namespaces"),
            *(f"get pods/{TOLD['github']}", f"get {TOLD['aws-id']}", f"run {TOLD['password']}"),
        ):
            await answered(desk, "alice", f"/k8s {line}")
        for shown in [one for one in alice.messages(OPS) if "read.share" in str(one.blocks)]:
            if "read.full" in str(shown.blocks):
                await alice.click(shown, "read.full")
            await alice.click(shown, "read.share")
        await desk.slack.until(lambda: alice.screen(OPS).count("shared by") >= 8)
        await alice.open_home()
        await desk.slack.until(alice.home_screen)
    assert "redacted:" in alice.screen(OPS)
    assert "told-3" in alice.screen(OPS), "what is no secret is told"
    check_nothing_leaked(desk)


async def test_what_is_changed_with_secrets_in_it_is_planned_decided_and_told_without_them(
    desk: Desk,
) -> None:
    """Plans before and after, reasons, votes, refusals of the cluster's, records."""
    admin, (alice, bob) = desk.office.admin, (desk.person("alice"), desk.person("bob"))
    async with granted(admin, desk.office.called("alice"), *MAY), guarded_plant(desk):
        env = [{"name": "DB_PASSWORD", "value": VALUES["password"]}, {"name": "DSN", "value": TOLD["dsn"]}]
        containers = [{"name": "app", "image": "example/app:1", "env": env}]
        patch = json.dumps({"spec": {"template": {"spec": {"containers": containers}}}})
        where = f"-n {desk.namespace}"
        reason = TOLD["bearer"]
        await answered(desk, "alice", f"/k8s edit deployment/web --patch '{patch}' {where} --plan")
        for number, text in enumerate(TOLD.values()):
            note = text.replace("\n", " ")
            await answered(desk, "alice", f"/k8s annotate deployment/web 'n{number}={note}' {where} --plan")
        await answered(
            desk, "alice", f"/k8s annotate deployment/web 'password={VALUES['password']}' {where} --plan"
        )
        await answered(desk, "alice", f"/k8s annotate deployment/guarded 'a=b' {where} --reason '{reason}'")
        await alice.slash(f"/k8s edit deployment/web --patch '{patch}' {where} --reason '{reason}'", OPS)
        card = await desk.message(OPS, "Approve")
        await bob.click(card, "run.details")
        await desk.slack.until(lambda: bob.modal and "Record" in bob.modal_screen())
        await bob.close_modal()
        await bob.click(card, "run.approve")
        await desk.shown("bob", OPS, "approved by bob")
        await alice.slash(f"/k8s scale deployment/web --replicas 3 {where} --reason '{TOLD['aws-key']}'", OPS)
        other = await desk.message(OPS, "run.deny")
        await bob.click(other, "run.deny")
        await desk.slack.until(lambda: bob.modal and "Why not" in bob.modal_screen())
        await bob.submit({"Why not?": PEM})
        await desk.shown("alice", OPS, "denied")
        for line in ("runs", "audit"):
            await answered(desk, "bob", f"/k8s {line}")
        for run in await desk.chat.records.runs(RunFilter(states=tuple(RunState))):
            await answered(desk, "bob", f"/k8s run {run.id}")
        await bob.open_home()
        await desk.slack.until(bob.home_screen)
    assert "redacted:" in alice.screen(OPS)
    check_nothing_leaked(desk)


@asynccontextmanager
async def guarded_plant(desk: Desk) -> AsyncIterator[None]:
    """Secrets everywhere, and an admission that quotes them."""
    await plant(desk)
    async with guarded(desk):
        yield


def test_one_door_leads_to_slack() -> None:
    """A call made elsewhere would go past the gate."""
    called = re.compile(
        r"\.(?:chat|views|files|canvases|reactions|pins|bookmarks)_[a-zA-Z]+\(|\brespond\(|\bsay\(text"
    )
    rooms = Path(k8sops_slack.__file__).parent
    found = {
        str(path.relative_to(rooms)) for path in rooms.rglob("*.py") if called.search(path.read_text("utf-8"))
    }
    # What setup says is this program's own words to whoever runs it.
    assert found == {"bot/posting.py", "setup/people.py"}
