"""What is typed after the colon is understood, or refused in one sentence."""

from __future__ import annotations

import pytest

from k8sops.core.errors import UsageError
from k8sops.core.tables import TableQuery
from k8sops.tui.commands import K9S_ALIASES, Browse, Leave, OpenScreen, ShowHelp, parse_command

HERE = TableQuery(kind="pods", namespace="shop")


@pytest.mark.parametrize(
    ("text", "query", "filter_text"),
    [
        ("deploy", TableQuery(kind="deploy", namespace="shop"), ""),
        (":deploy", TableQuery(kind="deploy", namespace="shop"), ""),
        ("pods -A", TableQuery(kind="pods"), ""),
        ("pods payments", TableQuery(kind="pods", namespace="payments"), ""),
        ("pods -n payments", TableQuery(kind="pods", namespace="payments"), ""),
        ("po -l app=web", TableQuery(kind="po", namespace="shop", label_selector="app=web"), ""),
        ("po -A /api crash", TableQuery(kind="po"), "api crash"),
        ("certs.acme.example", TableQuery(kind="certs.acme.example", namespace="shop"), ""),
    ],
)
def test_a_kind_is_browsed(text: str, query: TableQuery, filter_text: str) -> None:
    """The namespace stays unless another is named."""
    found = parse_command(text, HERE)
    assert isinstance(found, Browse)
    assert (found.query, found.filter_text) == (query, filter_text)


@pytest.mark.parametrize(("alias", "kind"), sorted(K9S_ALIASES.items()))
def test_k9s_own_aliases_are_understood_where_the_cluster_has_no_such_name(alias: str, kind: str) -> None:
    """They are in the hands; but a short name of a custom kind is what the cluster's own people mean."""
    found = parse_command(f"{alias} payments", HERE)
    assert isinstance(found, Browse)
    assert found.query == TableQuery(kind=kind, namespace="payments")
    own = parse_command(alias, HERE, served={alias})
    assert isinstance(own, Browse)
    assert own.query.kind == alias


def test_our_own_screens_are_filtered_at_once_like_kinds() -> None:
    """A suggestion, or a hand, means one row of a list; a kind of the same name keeps its namespaces and labels."""
    assert parse_command(":overview", HERE) == OpenScreen("overview")
    assert parse_command(":audit /scale web", HERE) == OpenScreen("audit", "scale web")
    assert isinstance(parse_command(":backups shop", HERE), Browse)


def test_leaving_and_help_are_commands_too() -> None:
    """Hands trained on vim type :q."""
    assert parse_command("q", HERE) == Leave()
    assert parse_command("help", HERE) == ShowHelp()


@pytest.mark.parametrize("text", ["", "pods one two", "-A", "pods -n", "pods --wrong", "pods 'open"])
def test_what_is_not_understood_is_refused_with_an_example(text: str) -> None:
    """A typo must not open something else than was meant."""
    with pytest.raises(UsageError) as refused:
        parse_command(text, HERE)
    assert ":deploy" in refused.value.hint
