"""What a form's field is searched for: names from wherever the person who types may look."""

from __future__ import annotations

from typing import Any

import pytest

from k8sops.core.actor import Actor
from k8sops.core.errors import ForbiddenError
from k8sops.core.persons import Person
from k8sops.core.tables import Row, Table, TableQuery
from k8sops.service.chat.acting import Acting
from k8sops_slack.bot.forms import Forms
from k8sops_slack.views.form import FIELD, NAMES, FormPlace

THERE = {"batch": ["web"], "payments": ["secret"], "shop": ["api", "web"]}


class Rights:
    """The deployments of a cluster, as far as somebody may list them."""

    default_namespace = "shop"

    def __init__(self, *namespaces: str, all_of_them: bool = False, knows_namespaces: bool = True) -> None:
        self._may = {"", *THERE} if all_of_them else {*namespaces}
        self._knows_namespaces = knows_namespaces

    async def table(self, query: TableQuery) -> Table:
        """The names alone."""
        if query.kind == "namespaces" and self._knows_namespaces:
            return _table(query.kind, [("", name) for name in THERE])
        if query.kind == "namespaces" or query.namespace not in self._may:
            raise ForbiddenError(f"{query.kind} may not be listed in {query.namespace or 'all namespaces'}")
        places = [query.namespace] if query.namespace else [*THERE]
        deployments = query.kind == "deployments"
        return _table(query.kind, [(one, name) for one in places for name in THERE[one] if deployments])


def _table(kind: str, names: list[tuple[str, str]]) -> Table:
    rows = tuple(
        Row(uid=f"{place}/{name}", name=name, namespace=place, cells=(), created=None, labels={})
        for place, name in names
    )
    return Table(columns=(), rows=rows, kind=kind, namespaced=True)


async def offered(rights: Rights, typed: str, **chosen: str) -> list[str]:
    """What is offered for a scale's targets where this is chosen in the other fields."""
    body = {
        "block_id": f"{FIELD}targets",
        "value": typed,
        "view": {
            "private_metadata": FormPlace(action="scale", cluster="c-eu").metadata,
            "state": {
                "values": {
                    f"{FIELD}{field}": {NAMES: {"selected_option": {"value": value}}}
                    for field, value in chosen.items()
                }
            },
        },
    }
    chat: Any = None
    ops: Any = rights
    acting = Acting(actor=Actor(name="U0ALICE"), person=Person(name="alice"), ops=ops)
    found = await Forms(chat).found(body, acting)
    return [one["value"] for one in found]


@pytest.mark.parametrize(
    ("rights", "found"),
    [
        (Rights(all_of_them=True), ["batch · deployment/web", "shop · deployment/web"]),
        (Rights("batch", "shop"), ["batch · deployment/web", "shop · deployment/web"]),
        (Rights("batch"), ["batch · deployment/web"]),
        (Rights("shop", knows_namespaces=False), ["shop · deployment/web"]),
        (Rights(), []),
    ],
    ids=["everywhere", "in two", "in one", "in their own alone", "nowhere"],
)
async def test_a_name_is_searched_wherever_the_person_may_list(rights: Rights, found: list[str]) -> None:
    """Who may see one team's namespaces finds what is in them, and hears of nothing else."""
    assert await offered(rights, "web") == [*found, "web"]


async def test_where_a_namespace_is_chosen_only_that_one_is_searched() -> None:
    """The names stand alone then: which namespace is meant has been said."""
    assert await offered(Rights(all_of_them=True), "web", namespace="shop") == ["deployment/web", "web"]
    assert await offered(Rights("batch"), "web", namespace="shop") == ["web"]


async def test_a_namespace_is_a_way_to_search_as_well() -> None:
    """Whoever knows where it is types that first."""
    found = await offered(Rights(all_of_them=True), "shop")
    assert found == ["shop · deployment/api", "shop · deployment/web", "shop"]
