"""Selections: what Velero's users expect of globs, kinds, labels and of what is in no namespace."""

from __future__ import annotations

import pytest

from k8sops.backup.label_selector import answers, parse_selector
from k8sops.backup.selection import (
    KindNames,
    Selection,
    make_selection,
    read_selection,
    selection_json,
    selection_text,
)
from k8sops.core.errors import UsageError

DEPLOYMENTS = KindNames("apps", "deployments", "Deployment", others=("deploy",))
EVENTS = KindNames("", "events", "Event")
NAMESPACES = KindNames("", "namespaces", "Namespace", namespaced=False)
NODES = KindNames("", "nodes", "Node", namespaced=False)
WIDGETS = KindNames("shop.example.com", "widgets", "Widget")


@pytest.mark.parametrize(
    ("pattern", "name", "taken"),
    [
        ("shop", "shop", True),
        ("shop", "shop-2", False),
        ("team-*", "team-a", True),
        ("team-?", "team-ab", False),
        ("team-[ab]", "team-b", True),
        ("*", "anything", True),
    ],
)
def test_namespaces_are_matched_by_globs(pattern: str, name: str, taken: bool) -> None:
    """Velero's globs, since 1.18."""
    assert make_selection(include_namespaces=[pattern]).takes_namespace(name) is taken
    assert make_selection(exclude_namespaces=[pattern]).takes_namespace(name) is not taken


def test_what_is_excluded_stays_out_even_if_it_is_included() -> None:
    """Else `--include-namespaces '*' --exclude-namespaces kube-system` would mean nothing."""
    chosen = make_selection(include_namespaces=["*"], exclude_namespaces=["kube-*"])
    assert not chosen.takes_namespace("kube-system")
    assert not chosen.all_namespaces


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("deployments", DEPLOYMENTS),
        ("Deployment", DEPLOYMENTS),
        ("deploy", DEPLOYMENTS),
        ("deployments.apps", DEPLOYMENTS),
        ("*.apps", DEPLOYMENTS),
        ("widgets.shop.example.com", WIDGETS),
        ("*.example.com", WIDGETS),
        ("events.", EVENTS),
    ],
)
def test_a_kind_has_many_names(text: str, kind: KindNames) -> None:
    """All that kubectl takes, and globs over groups."""
    assert kind.called(text)
    assert not NODES.called(text)


def test_a_kind_of_another_group_is_another_kind() -> None:
    """`events.events.k8s.io` is not the core group's."""
    assert not EVENTS.called("events.events.k8s.io")
    assert not DEPLOYMENTS.called("deployments.extensions")


def test_ephemeral_kinds_are_taken_only_by_their_name() -> None:
    """A glob that happens to cover them does not mean them."""
    assert not make_selection(ephemeral=["events."]).takes_kind(EVENTS)
    assert make_selection(ephemeral=["events."], include_kinds=["events"]).takes_kind(EVENTS)
    assert not make_selection(ephemeral=["events."], include_kinds=["*"]).takes_kind(EVENTS)
    assert make_selection(include_kinds=["*"]).takes_kind(DEPLOYMENTS)


def test_cluster_scoped_objects_go_with_all_namespaces() -> None:
    """Velero's `--include-cluster-resources` unset: all of a cluster, or only what chosen namespaces refer to."""
    whole, some = make_selection(), make_selection(include_namespaces=["shop"])
    assert whole.matches(NODES, "", "n1", {})
    assert not some.matches(NODES, "", "n1", {})
    assert some.takes_related
    assert some.matches(NAMESPACES, "", "shop", {})
    assert not some.matches(NAMESPACES, "", "other", {})
    assert make_selection(include_namespaces=["shop"], cluster_scoped="yes").matches(NODES, "", "n1", {})
    assert not make_selection(cluster_scoped="no").matches(NODES, "", "n1", {})
    assert make_selection(cluster_scoped="no").matches(NAMESPACES, "", "shop", {})


@pytest.mark.parametrize("label", ["k8sops.dev/exclude-from-backup", "velero.io/exclude-from-backup"])
def test_a_label_keeps_an_object_out(label: str) -> None:
    """Velero's label too, so that people need not label anew."""
    assert not make_selection().takes_labels({label: "true"})
    assert make_selection().takes_labels({label: "false"})


def test_one_of_several_selectors_is_enough() -> None:
    """Velero's or-selectors."""
    chosen = make_selection(selectors=["app=web,tier!=db", "keep"])
    assert chosen.takes_labels({"app": "web"})
    assert chosen.takes_labels({"keep": ""})
    assert not chosen.takes_labels({"app": "web", "tier": "db"})


@pytest.mark.parametrize(
    ("selector", "labels", "taken"),
    [
        ("app", {"app": "x"}, True),
        ("!app", {"app": "x"}, False),
        ("! app", {}, True),
        ("app==web", {"app": "web"}, True),
        ("app!=web", {}, True),
        ("app in (a, b)", {"app": "b"}, True),
        ("app notin (a,b)", {"app": "b"}, False),
        ("app notin (a)", {}, True),
        ("app in (a),example.com/tier=x , !old", {"app": "a", "example.com/tier": "x"}, True),
        ("app=", {"app": ""}, True),
    ],
)
def test_selectors_mean_what_the_api_server_takes_them_for(
    selector: str, labels: dict[str, str], taken: bool
) -> None:
    """Kubernetes' own grammar: an absent label answers != and notin."""
    assert answers(parse_selector(selector), labels) is taken


@pytest.mark.parametrize("text", ["=a", "app=web,", "app in a", "app in ()x", "a b", "app=web tier=db", ",a"])
def test_a_selector_that_cannot_be_read_is_refused(text: str) -> None:
    """A selector half understood would take too much or too little."""
    with pytest.raises(UsageError, match="cannot be read"):
        parse_selector(text)


def test_the_same_choice_is_the_same_json() -> None:
    """The next backup rests on the last one of the same selection, told by its JSON."""
    one = make_selection(include_namespaces=["b", "a", "a"], include_kinds=["Pods"], selectors=["x=y "])
    other = make_selection(include_namespaces=["a", "b"], include_kinds=["pods"], selectors=["x=y"])
    assert selection_json(one) == selection_json(other)
    assert read_selection(selection_json(one)) == one
    assert selection_json(make_selection(include_namespaces=["*"])) == {}


def test_a_selection_is_told_in_words() -> None:
    """In plans, and in the list of backups."""
    assert selection_text(make_selection()) == "everything"
    assert (
        selection_text(
            make_selection(include_namespaces=["shop"], exclude_kinds=["secrets"], cluster_scoped="no")
        )
        == "namespaces shop; without secrets; without cluster-scoped objects"
    )


def test_what_cannot_be_is_refused() -> None:
    """Before a cluster is asked for anything."""
    for bad in ({"include_namespaces": ("a/b",)}, {"include_kinds": ("pods/log",)}, {"selectors": ("",)}):
        with pytest.raises(UsageError):
            Selection(**bad)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cannot be read"):
        read_selection({"namespaces": ["*"]})
