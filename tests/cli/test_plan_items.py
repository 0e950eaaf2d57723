"""How a plan's items and findings read at 80 columns and where there is no terminal."""

from __future__ import annotations

import io

import pytest
from msgspec import structs

from k8sops.cli.plan_items import ALIKE_SHOWN, finding_lines, step_lines
from k8sops.cli.plan_text import plan_lines
from k8sops.core.plan import Finding, Forecast, Item, Requirement, Step, Target, bulk_of
from k8sops.core.risk import Risk
from tests.support.plans import a_plan

NODE = Target(kind="nodes", name="n1", uid="u-n1")


def item(name: str, verb: str = "evict", why: str = "moves to n2", wave: int = 1) -> Item:
    """A pod of the Deployment web."""
    target = Target(kind="pods", namespace="shop", name=name, uid=name)
    return Item(target=target, verb=verb, group="replicated", why=why, data={"wave": wave})


def drain(*items: Item) -> Step:
    """The step that they move along with."""
    return Step(
        id="drain/node:n1", verb="drain", target=NODE, why="its pods are to run elsewhere", before={}, after={},
        risk=Risk.DISRUPTIVE, bulk=bulk_of(items),
    )  # fmt: skip


def lines(*items: Item) -> list[str]:
    """As a script sees them, under the step that drains a node."""
    return list(step_lines(drain(*items), io.StringIO()))[1:]


def test_items_stand_under_their_step_in_columns() -> None:
    """What is refused first, then what moves, in the order of waves, then what stays."""
    told = lines(
        item("web-b", wave=2), item("agent", "keep", "stays"), item("web-a"), item("db", "refuse", "no")
    )
    assert told == [
        "      2 evict replicated, 1 keep replicated, 1 refuse replicated",
        "      refuse  shop/db     no",
        "      evict   shop/web-a  moves to n2",
        "      evict   shop/web-b  moves to n2",
        "      keep    shop/agent  stays",
    ]


def test_no_line_is_wider_than_80_columns() -> None:
    """Long names and long reasons break between words."""
    why = "does not fit: 0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated taints"
    told = lines(item("a-deployment-with-a-long-name-5d9c7b6f4-abcde", why=why), item("web-a"))
    assert max(map(len, told)) < 80
    assert "taints" in " ".join(told)


def test_more_than_twenty_items_are_counted() -> None:
    """The rest is in the document."""
    told = lines(*(item(f"web-{number:02}", why=f"moves to n{number}") for number in range(25)))
    assert told[-1] == "      and 5 more; -o json lists all"
    assert len(told) == 22


def test_a_reason_that_all_share_is_told_once() -> None:
    """Fifty objects that wait for one namespace are a few lines, not a screen."""
    told = lines(*(item(f"web-{number:02}") for number in range(25)))
    assert told[:2] == [
        "      25 evict replicated, moves to n2:",
        "        shop/web-00, shop/web-01, shop/web-02, shop/web-03, shop/web-04,",
    ]
    assert told[-1] == "      and 5 more; -o json lists all"
    assert max(map(len, told)) < 80


def test_a_name_from_the_cluster_cannot_steer_the_terminal() -> None:
    """Escapes are spelled out."""
    assert "\x1b" not in "".join(lines(item("web", why="\x1b[2Jgone")))


def test_many_findings_of_a_kind_are_shortened_and_blockers_never() -> None:
    """A pool with a hundred singletons is read by nobody line by line."""
    warnings = [Finding(level="warning", code="singleton", text=f"w{n}") for n in range(ALIKE_SHOWN + 4)]
    blockers = [Finding(level="blocker", code="no_room", text=f"b{n}", override="--f") for n in range(20)]
    told = list(finding_lines([*blockers, *warnings], io.StringIO()))
    assert len([line for line in told if "blocker" in line]) == 20
    assert told[0] == "  ✗ blocker: b0 (override: --f)"
    assert told[-1] == "    and 4 more of the kind singleton; -o json lists all"


@pytest.mark.parametrize(("seconds", "words"), [(110.2, "about 1 min 50 s"), (0.2, "less than a second")])
def test_a_plan_of_a_drain_reads_from_its_verdict_to_its_duration(seconds: float, words: str) -> None:
    """The uid is for the digest, not for a reader."""
    plan = a_plan(
        steps=(drain(item("web-a")),), requires=(Requirement(target=NODE, fact="metadata.uid", value="u-n1"),)
    )
    from msgspec.structs import replace

    plan = replace(plan, forecast=Forecast(seconds=seconds, limited_by="budget shop/web-pdb"))
    told = list(plan_lines(plan, io.StringIO()))
    assert "   1. drain nodes/n1  (disruptive)" in told
    assert "      evict  shop/web-a  moves to n2" in told
    assert f"  takes     {words}, limited by budget shop/web-pdb" in told
    assert not any("u-n1" in line for line in told)


def test_items_of_several_kinds_say_theirs() -> None:
    """A Service, its Endpoints and its Deployment have one name, and would stand there three times."""
    target = Target(kind="services", namespace="shop", name="web", uid="s")
    told = lines(item("web"), Item(target=target, verb="delete", group="services"))
    assert [line.split()[:2] for line in told[1:]] == [
        ["delete", "shop/services/web"],
        ["evict", "shop/pods/web"],
    ]


def put_back(*names: str, verdict: str = "created", why: str = "", named: str = "*") -> Step:
    """A step that restores ConfigMaps of the namespace shop."""
    targets = [Target(kind="configmaps", namespace="shop", name=name) for name in names]
    items = [Item(target=target, verb="create", group=verdict, why=why) for target in targets]
    return Step(
        id="restore/06/create:configmaps:shop",
        verb="create",
        target=Target(kind="configmaps", namespace="shop", name=named),
        why=f"{len(names)} objects",
        before={},
        after={},
        risk=Risk.LOW,
        bulk=bulk_of(items),
    )


def test_items_that_only_share_their_step_are_one_line_of_names() -> None:
    """Verb, namespace and how many are in the step's own lines: a restore of sixty objects is read at a glance."""
    assert list(step_lines(put_back("settings", "web"), io.StringIO())) == ["      2 objects: settings, web"]


def test_verdicts_are_told_in_words_where_they_differ() -> None:
    """`created_unverified` is for programs; each of the few that differ says why."""
    step = put_back("web")
    late = put_back("late", verdict="created_unverified", why="tried once step 1 has made namespace shop")
    assert step.bulk is not None
    assert late.bulk is not None
    both = structs.replace(step, why="2 objects", bulk=bulk_of([*step.bulk.items, *late.bulk.items]))
    assert list(step_lines(both, io.StringIO())) == [
        "      2 objects",
        "      1 can be made, 1 not tried yet",
        "      late  tried once step 1 has made namespace shop",
        "      web",
    ]


def test_the_only_object_of_a_step_that_names_it_is_not_named_again() -> None:
    """Only what is different about it."""
    step = put_back("web", why="data.of: 1 \u2192 2", named="web")
    assert list(step_lines(step, io.StringIO())) == ["      1 objects", "      data.of: 1 \u2192 2"]


def test_a_fact_of_something_new_has_no_before() -> None:
    """`none \u2192 file:///\u2026` reads as if there had been no repository."""
    step = structs.replace(put_back("web"), after={"repository": "file:///srv", "encrypted": True})
    told = list(plan_lines(a_plan(steps=(step,)), io.StringIO()))
    assert "   1. create shop/configmaps/*  repository file:///srv, encrypted  (low)" in told
    changed = structs.replace(step, before={"replicas": None}, after={"replicas": 3})
    told = list(plan_lines(a_plan(steps=(changed,)), io.StringIO()))
    assert "   1. create shop/configmaps/*  replicas none \u2192 3  (low)" in told
