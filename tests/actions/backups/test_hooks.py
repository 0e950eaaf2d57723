"""Commands in pods before and after a backup: whose annotations count, in which order, and what a failure comes to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from k8sops.actions.backups.backup import Backup
from k8sops.actions.backups.backup_params import BackupParams
from k8sops.actions.backups.hooks import hooks_of
from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import DeadlineError, K8sOpsError, PartialError, UsageError
from k8sops.core.journal import Errand
from k8sops.core.raw import CommandResult, RawObject, RawPage
from k8sops.core.risk import Risk
from tests.actions.backups.backing_up import Desk, said
from tests.support.journals import NotedJournal
from tests.support.workloads import create, naked_pod

PRE, POST = "pre.hook.backup.velero.io", "post.hook.backup.velero.io"


class Pods(KubeCluster):
    """Pods whose commands end as a test says: the sandbox runs none on every machine."""

    def __init__(self, cluster: KubeCluster) -> None:
        super().__init__(cluster.transport, cluster.info, cluster.discovery, cluster.clock)
        self.ran: list[tuple[str, tuple[str, ...], str, float]] = []
        self.codes: dict[str, int] = {}
        self.hanging: set[str] = set()

    async def execute(
        self,
        pod: str,
        namespace: str,
        command: Sequence[str],
        *,
        container: str = "",
        deadline_s: float = 60.0,
    ) -> CommandResult:
        """Note it."""
        self.ran.append((pod, tuple(command), container, deadline_s))
        if command[0] in self.hanging:
            raise DeadlineError(f"pod {namespace}/{pod}: the command did not end within {deadline_s:g} s")
        return CommandResult(exit_code=self.codes.get(command[0], 0), stderr="hunter2 is wrong")


class StuckPods(Pods):
    """Once a command has run, no list is answered until the test says so."""

    def __init__(self, cluster: KubeCluster) -> None:
        super().__init__(cluster)
        self.answering = asyncio.Event()
        self.stuck = asyncio.Event()

    async def pages(self, *given: Any, **also: Any) -> AsyncGenerator[RawPage, None]:
        """Wait, where a command has run."""
        if self.ran and not self.answering.is_set():
            self.stuck.set()
            await self.answering.wait()
        async with aclosing(super().pages(*given, **also)) as pages:
            async for page in pages:
                yield page


class LeavingJournal(NotedJournal):
    """Of a carrier that lets go of the run."""

    @property
    def errand(self) -> Errand:
        """Another goes on."""
        return Errand(run=self.run, actor="alice", leaving=True)


def pod(**annotations: str) -> RawObject:
    """A pod's metadata."""
    metadata = {
        "annotations": {key.replace("__", "/").replace("_", "."): v for key, v in annotations.items()}
    }
    return RawObject("shop", "db", "u", "1", {}, msgspec.json.encode({"metadata": metadata}))


def test_annotations_are_read_as_velero_reads_them() -> None:
    """A JSON list, or one word that is the whole command; half a minute; a failure counts."""
    (hook,) = hooks_of(pod(pre_hook_backup_velero_io__command='["/bin/sh", "-c", "sync"]'))
    assert hook.command == ("/bin/sh", "-c", "sync")
    assert (hook.phase, hook.timeout_s, hook.on_error, hook.container) == ("pre", 30.0, "fail", "")
    (hook,) = hooks_of(pod(post_hook_backup_velero_io__command="/bin/thaw"))
    assert (hook.phase, hook.command) == ("post", ("/bin/thaw",))


def test_our_own_annotations_go_before_veleros() -> None:
    """So that both can stand while one moves over."""
    (hook,) = hooks_of(
        pod(pre_hook_backup_velero_io__command="/old", pre_hook_backup_k8sops_dev__command="/new")
    )
    assert hook.command == ("/new",)


@pytest.mark.parametrize(
    "annotations",
    [
        {"pre_hook_backup_velero_io__command": "[1]"},
        {"pre_hook_backup_velero_io__command": " "},
        {"pre_hook_backup_velero_io__command": "x", "pre_hook_backup_velero_io__timeout": "soon"},
    ],
)
def test_a_hook_that_cannot_be_read_is_told_and_not_guessed_at(annotations: dict[str, str]) -> None:
    """The plan warns of it, and the backup is incomplete."""
    (hook,) = hooks_of(pod(**annotations))
    assert hook.trouble


async def test_hooks_run_before_and_after_and_make_the_plan_disruptive(backups: Desk) -> None:
    """A command in somebody's pod is more than reading; whoever approves sees which pods."""
    pods = Pods(backups.cluster)
    desk = Desk(pods, backups.namespace, backups.repositories)
    await _running(
        desk,
        {f"{PRE}/command": '["freeze"]', f"{PRE}/container": "app", f"{PRE}/timeout": "2m"}
        | {f"{POST}/command": "thaw"},
    )
    plan = await desk.plan(include_kinds=["pods"])
    assert plan.risk is Risk.DISRUPTIVE
    bulk = plan.steps[-1].bulk
    assert bulk is not None
    assert bulk.counts == {"run hook post": 1, "run hook pre": 1}
    assert (await desk.plan(include_kinds=["pods"], annotated_hooks="skip")).risk is Risk.LOW
    await desk.back_up(include_kinds=["pods"])
    assert pods.ran == [("db", ("freeze",), "app", 120.0), ("db", ("thaw",), "app", 30.0)]
    assert (await desk.body()).complete


async def test_a_carrier_that_leaves_keeps_pods_held_still_for_the_next(backups: Desk) -> None:
    """The next one finds the pre hooks done: pods let go meanwhile would be read in motion, and nobody told."""
    pods = StuckPods(backups.cluster)
    desk = Desk(pods, backups.namespace, backups.repositories)
    await _running(desk, {f"{PRE}/command": "freeze", f"{POST}/command": "thaw"})
    journal = LeavingJournal()
    leaving = asyncio.create_task(desk.back_up(journal=journal, include_kinds=["pods"]))
    async with asyncio.timeout(120):
        await pods.stuck.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert [command for _, command, *_ in pods.ran] == [("freeze",)]
    pods.answering.set()
    await desk.back_up(journal=NotedJournal(journal.run, before=journal), include_kinds=["pods"])
    assert [command for _, command, *_ in pods.ran] == [("freeze",), ("thaw",)]
    assert (await desk.body()).complete


async def test_a_hook_that_fails_leaves_a_gap_and_what_it_wrote_is_told_to_nobody(backups: Desk) -> None:
    """The data of that pod may not be whole; what a command writes may hold a password."""
    pods = Pods(backups.cluster)
    pods.codes["freeze"] = 3
    desk = Desk(pods, backups.namespace, backups.repositories)
    await _running(desk, {f"{PRE}/command": "freeze", f"{POST}/command": "thaw"})
    with pytest.raises(PartialError, match=r"the pre hook failed: its command ended with code 3") as caught:
        await desk.back_up(include_kinds=["pods"])
    assert "hunter2" not in str(caught.value)
    body = await desk.body()
    assert [gap.resource for gap in body.gaps] == ["pods"]
    assert body.objects == 1
    assert [ran[1] for ran in pods.ran] == [("freeze",), ("thaw",)], "what was frozen is thawed"


async def test_a_hook_may_fail_where_its_pod_says_so(backups: Desk) -> None:
    """`on-error: Continue` makes it a note."""
    pods = Pods(backups.cluster)
    pods.hanging.add("freeze")
    desk = Desk(pods, backups.namespace, backups.repositories)
    await _running(desk, {f"{PRE}/command": "freeze", f"{PRE}/on-error": "Continue"})
    journal = await desk.back_up(include_kinds=["pods"])
    assert (await desk.body()).complete
    assert any("the pre hook failed" in note and "did not end within" in note for note in journal.notes)


async def test_a_bad_hook_is_told_before(backups: Desk) -> None:
    """With the flag that leaves all of them out."""
    await _running(backups, {f"{PRE}/command": "[oops"})
    plan = await backups.plan(include_kinds=["pods"])
    (finding,) = [finding for finding in plan.findings if finding.code == "bad_hook"]
    assert finding.override == "--annotated-hooks skip"
    assert "no JSON list" in said(plan)


async def test_hooks_run_in_a_real_pod(backups: Desk) -> None:
    """Through the API server and its kubelet: what freezes comes before what thaws, and a failure is told by its code.

    The one is the pod's own word, the other a rule's. The pod's own file says what was run in it, and when; what it
    wrote stands in nobody's record.
    """
    freeze = 'echo "frozen for $HOSTNAME" >> /data/hooks; echo hunter2'
    thaw = "echo thawed >> /data/hooks; cat /data/hooks >&2; exit 4"
    await _running(
        backups,
        {
            f"{PRE}/command": msgspec.json.encode(["sh", "-c", freeze]).decode(),
            f"{PRE}/container": "side",
        },
        labels={"app": "db"},
        containers=[
            {"name": name, "image": "app:1", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
            for name in ("app", "side")
        ],
        volumes=[{"name": "data", "emptyDir": {}}],
    )

    async def run(script: str) -> CommandResult:
        words = ("sh", "-c", script)
        return await backups.cluster.execute(
            "db", backups.namespace, words, container="app", deadline_s=120.0
        )

    try:
        await run("true")
    except K8sOpsError as error:
        if "exec needs" in error.message:
            pytest.skip(f"this machine confines nothing: {error.message}")
        raise
    journal = NotedJournal()
    rules = _rules(backups, pre=None, post={"command": ["sh", "-c", thaw], "timeout": "2m"})
    failed = r"db: the post hook quiet failed: its command ended with code 4"
    with pytest.raises(PartialError, match=failed) as caught:
        await backups.back_up(include_kinds=["pods"], journal=journal, hooks=rules)
    assert (await run("cat /data/hooks")).stdout == "frozen for db\nthawed\n"
    told = [*journal.notes, *journal.done.values(), str(caught.value), str((await backups.body()).gaps)]
    assert not any("hunter2" in text or "frozen for" in text for text in told)


def _rules(desk: Desk, **more: Any) -> list[dict[str, Any]]:
    """One rule for the pods of the test."""
    rule = {"name": "quiet", "namespaces": [desk.namespace], "selector": "app=db"}
    return [rule | {"pre": {"command": ["freeze", "all"], "timeout": "2m"}} | more]


async def test_rules_of_a_file_say_what_is_run_in_which_pods(backups: Desk, tmp_path: Path) -> None:
    """The file is read once: whoever approves sees each pod and command, and no carrier needs the file."""
    pods = Pods(backups.cluster)
    desk = Desk(pods, backups.namespace, backups.repositories)
    await _running(desk, {}, labels={"app": "db"})
    await create(desk.cluster, naked_pod("other", desk.namespace))
    file = tmp_path / "hooks.yaml"
    file.write_text(
        f"- name: quiet\n  namespaces: ['{desk.namespace}']\n  selector: app=db\n"
        "  pre: {command: [freeze, all], timeout: 2m}\n  post: {command: [thaw], on-error: continue}\n"
    )
    plan = await desk.plan(include_kinds=["pods"], hooks=[str(file)])
    file.unlink()
    assert plan.risk is Risk.DISRUPTIVE
    bulk = plan.steps[-1].bulk
    assert bulk is not None
    assert [(item.target.name, item.why) for item in bulk.items] == [
        ("db", "pre (quiet): freeze all"),
        ("db", "post (quiet): thaw"),
    ]
    assert "--hooks says" in said(plan)
    assert str(file) not in said(plan)
    await Backup(desk.repositories).apply(plan, pods, NotedJournal())
    assert pods.ran == [("db", ("freeze", "all"), "app", 120.0), ("db", ("thaw",), "app", 30.0)]


async def test_what_a_pod_says_itself_goes_before_a_rule(backups: Desk) -> None:
    """As with Velero: a pod that is frozen twice by two commands may be thawed by neither."""
    pods = Pods(backups.cluster)
    desk = Desk(pods, backups.namespace, backups.repositories)
    await _running(desk, {f"{PRE}/command": "own"}, labels={"app": "db"})
    await desk.back_up(include_kinds=["pods"], hooks=_rules(desk, post={"command": ["thaw"]}))
    assert [command for _, command, *_ in pods.ran] == [("own",), ("thaw",)]


async def test_several_rules_run_in_one_pod_in_their_order(backups: Desk) -> None:
    """And a failure is told by the rule's name, so that one knows which of them."""
    pods = Pods(backups.cluster)
    pods.codes["flush"] = 3
    desk = Desk(pods, backups.namespace, backups.repositories)
    await _running(desk, {}, labels={"app": "db"})
    rules = [*_rules(desk), *_rules(desk, name="then", pre={"command": ["flush"]})]
    with pytest.raises(PartialError, match="the pre hook then failed: its command ended with code 3"):
        await desk.back_up(include_kinds=["pods"], hooks=rules)
    assert [command for _, command, *_ in pods.ran] == [("freeze", "all"), ("flush",)]


async def test_a_pod_that_came_after_the_plan_is_held_still_too(backups: Desk) -> None:
    """A rule means whatever pod fits it: a database's pod has another name when its node was drained meanwhile."""
    pods = Pods(backups.cluster)
    desk = Desk(pods, backups.namespace, backups.repositories)
    plan = await desk.plan(include_kinds=["pods"], hooks=_rules(desk))
    (finding,) = [finding for finding in plan.findings if finding.code == "hook_without_pod"]
    assert finding.level == "warning"
    assert finding.subjects == ("quiet",)
    await _running(desk, {}, labels={"app": "db"})
    await Backup(desk.repositories).apply(plan, pods, NotedJournal())
    assert [command for _, command, *_ in pods.ran] == [("freeze", "all")]


async def test_a_rule_that_fits_no_pod_is_told_by_plan_and_run(backups: Desk) -> None:
    """A selector with a slip of the pen would leave the database unfrozen every night."""
    journal = await backups.back_up(include_kinds=["pods"], hooks=_rules(backups))
    assert "hook quiet ran nowhere: no pod fits it" in journal.notes


async def test_a_command_with_a_secret_in_it_is_not_shown(backups: Desk) -> None:
    """Annotations are their pod's; plans are read in a chat."""
    await _running(backups, {f"{PRE}/command": '["mysql", "--password=hunter2", "-e", "FLUSH"]'})
    plan = await backups.plan(include_kinds=["pods"])
    assert "hunter2" not in said(plan)
    assert "pre: mysql …" in said(plan)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: a", "are no list"),
        ("- freeze", "hook number 1: should be a valid dictionary"),
        ("- {name: a}", "hook a: says neither pre nor post"),
        ("- {name: A, pre: {command: [x]}}", "hook number 1: name: should be lower-case letters"),
        ("- {name: a, pre: {command: sync}}", "hook a: pre.command: should be a valid tuple"),
        ("- {name: a, pre: {command: []}}", "hook a: pre.command: .*at least 1 item"),
        (
            "- {name: a, pre: {command: [x], on-error: ignore}}",
            "pre.on-error: should be 'fail' or 'continue'",
        ),
        ("- {name: a, pre: {command: [x], timeout: soon}}", "pre.timeout: should be a duration"),
        (
            "- {name: a, pre: {command: [x], timeout: 2h}}",
            "pre.timeout: should be less than or equal to 3600",
        ),
        ("- {name: a, selector: 'a b', pre: {command: [x]}}", "hook a: the selector 'a b' cannot be read"),
        ("- {name: a, namespaces: ['a/b'], pre: {command: [x]}}", "hook a: 'a/b' is no namespace"),
        ("- {name: a, pods: [x], pre: {command: [x]}}", "hook a: pods: extra inputs"),
        ("- {name: a, pre: {command: [x, --password=hunter2]}}", "a secret stood in it"),
        ("- !!python/object:os.system {}", "cannot be read: line 1: the tag"),
    ],
)
def test_a_file_of_hooks_that_says_something_else_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """One sentence with the file, the hook and what is wrong, before anything is asked of a cluster."""
    file = tmp_path / "hooks.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=f"(?i){told}") as caught:
        BackupParams.model_validate({"hooks": [str(file)]})
    assert str(file) in caught.value.message
    assert "hunter2" not in str(caught.value)
    assert "\n" not in caught.value.message


def test_rules_stand_in_a_run_and_in_a_schedule_as_they_were_given() -> None:
    """What is on record is validated again by whoever carries it; a password from the pod's environment is none."""
    command = ["sh", "-c", 'PGPASSWORD="$POSTGRES_PASSWORD" psql -c CHECKPOINT']
    params = BackupParams.model_validate({"hooks": [{"name": "a", "pre": {"command": command}}]})
    assert params.hooks[0].pre is not None
    assert params.hooks[0].pre.command == tuple(command)
    assert BackupParams.model_validate(params.model_dump(mode="json")) == params
    assert BackupParams.model_validate({"hooks": "skip"}).annotated_hooks == "skip"
    with pytest.raises(ValidationError, match="name a twice"):
        BackupParams.model_validate({"hooks": [{"name": "a", "pre": {"command": ["x"]}}] * 2})


async def _running(desk: Desk, annotations: dict[str, str], **spec: Any) -> None:
    manifest: dict[str, Any] = naked_pod("db", desk.namespace)
    manifest["metadata"]["annotations"] = annotations
    manifest["metadata"]["labels"] = spec.pop("labels", {})
    manifest["spec"] |= spec
    await create(desk.cluster, manifest)
    pods = await desk.cluster.resource("pods")
    async with asyncio.timeout(180), aclosing(desk.cluster.watch(pods, desk.namespace)) as events:
        async for event in events:
            if event.object.get("status", {}).get("phase") == "Running":
                return
