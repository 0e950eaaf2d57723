"""The command palette: every action on what is chosen, every key that works here, and every place to go, by name.

All of it comes from where it is defined: the actions of a kind, the keys of the widgets, the table of screens. What
is no key here is not offered here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from textual.app import App
from textual.binding import ActiveBinding
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.markup import escape
from textual.screen import Screen

from k8sops.core.clock import Clock, SystemClock
from k8sops.core.errors import K8sOpsError
from k8sops.core.text import printable
from k8sops.tui.acting.key_bindings import acts, in_force
from k8sops.tui.acting.offers import offers_for
from k8sops.tui.acting.screen import ActingScreen, refusals_of
from k8sops.tui.commands import KIND_SUGGESTIONS
from k8sops.tui.kind_names import known_kind
from k8sops.tui.looking import SECRET_KINDS
from k8sops.tui.navigating import NavigatingScreen
from k8sops.tui.screens import SCREENS
from k8sops.tui.session import Session
from k8sops.tui.sessions.screen import WITH_PODS
from k8sops.tui.shell.ending import connection_of
from k8sops.tui.shell.looks import OFFERED, theme_named

_NEVER_OFFERED = ("table.", "prompt.", "palette.", "app.palette", "act.")
"""Keys of the hands: naming them would take longer than pressing them; actions are offered by their own names."""


_ON_ROWS = (
    *("look.copy", "look.decode", "look.events", "look.uses", "look.n", "look.replica_sets", "pods."),
    *("browse.describe", "browse.yaml", "browse.owner"),
)
_IN_NAMESPACES = frozenset({"look.namespace", "look.copy_namespace"})
_OF_KINDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "look.decode": SECRET_KINDS,
        "look.node": frozenset({"pods"}),
        "look.replica_sets": frozenset({"deployments"}),
        "pods.debug": frozenset({"pods"}),
        **dict.fromkeys(("pods.logs", "pods.previous_logs", "pods.forward"), WITH_PODS),
    }
)
"""Keys that do nothing on rows of other kinds."""


class Offered(NamedTuple):
    """Something that can be chosen."""

    label: str
    help: str
    do: Callable[[], Any]


class OfferedHere(Provider):
    """What Textual's palette searches."""

    _refused: Mapping[str, str] = MappingProxyType({})

    async def startup(self) -> None:
        """Find out what would be in vain; what cannot be asked is told by the plan."""
        if isinstance(self.screen, ActingScreen) and self.screen.connection.connected:
            self._refused = await refusals_here(self.screen)

    async def search(self, query: str) -> Hits:
        """What fits what is typed, best first."""
        matcher = self.matcher(query)
        for one in offered(self.app, self.screen, self._refused):
            score = max(matcher.match(one.label), matcher.match(one.help) * 0.6)
            if score > 0:
                yield Hit(score, Content(one.label), one.do, text=one.label, help=_plain(one.help))

    async def discover(self) -> Hits:
        """All of it, before anything is typed."""
        for one in offered(self.app, self.screen, self._refused):
            yield DiscoveryHit(Content(one.label), one.do, text=one.label, help=_plain(one.help))


def palette() -> CommandPalette:
    """Textual's own, with what is offered here."""
    return CommandPalette([OfferedHere], placeholder="What do you want to do?")


def offered(
    app: App[Any], screen: Screen[Any], refused: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Offered]:
    """Everything that can be chosen on a screen, the nearest first; what would be `refused` says why instead."""
    yield from _actions(screen, refused)
    yield from _keys(app, screen)
    yield from _places(app, screen)
    for name in OFFERED:
        yield Offered(f"Theme: {name}", "how the screen looks", partial(_take_theme, app, name))


def keys_here(screen: Screen[Any]) -> Iterator[tuple[str, ActiveBinding]]:
    """The keys that work on a screen, each action once with all of its keys."""
    found: dict[str, list[str]] = {}
    bindings: dict[str, ActiveBinding] = {}
    for key, active in _meant(screen):
        name = active.binding.id or ""
        if name and active.enabled and active.binding.description:
            found.setdefault(name, []).append(key)
            bindings[name] = active
    for name, keys in found.items():
        yield ",".join(keys), bindings[name]


def _meant(screen: Screen[Any]) -> Iterator[tuple[str, ActiveBinding]]:
    """What each key does here: one that acts on other kinds alone leaves it to what the screen has behind it."""
    if not isinstance(screen, ActingScreen):
        yield from screen.active_bindings.items()
        return
    chosen = screen.chosen()
    offers = in_force(screen, offers_for(chosen.kind, chosen.rows))
    acting, behind = {key for offer in offers for key in offer.on.keys}, _behind(screen)
    for key, active in screen.active_bindings.items():
        is_left = acts(active.binding) and key not in acting
        yield key, behind.get(key, active) if is_left else active


def _behind(screen: Screen[Any]) -> Mapping[str, ActiveBinding]:
    found: dict[str, ActiveBinding] = {}
    for node, bindings in screen._modal_binding_chain:
        for key, binding in bindings:
            if not acts(binding):
                found.setdefault(key, ActiveBinding(node, binding, enabled=True, tooltip=binding.tooltip))
    return found


async def refusals_here(screen: ActingScreen) -> Mapping[str, str]:
    """Why actions on what is chosen would be refused; what cannot be asked is told by the plan."""
    chosen = screen.chosen()
    if not chosen.rows:
        return {}
    asked = [offer.action for offer in offers_for(chosen.kind, chosen.rows)]
    try:
        return await refusals_of(screen.connection, chosen, asked)
    except K8sOpsError:
        return {}


def _actions(screen: Screen[Any], refused: Mapping[str, str]) -> Iterator[Offered]:
    if not isinstance(screen, ActingScreen):
        return
    chosen = screen.chosen()
    if not chosen.rows:
        return
    named = chosen.rows[0].name if len(chosen.rows) == 1 else f"{len(chosen.rows)} marked rows"
    for offer in offers_for(chosen.kind, chosen.rows):
        if why := refused.get(offer.action):
            said = partial(screen.notify, why, title=offer.label, severity="warning", markup=False)
            yield Offered(f"✗ {offer.label}", why, said)
            continue
        yield Offered(offer.label, f"{named}: {offer.summary}", partial(screen._open_dialog, offer, chosen))


def _keys(app: App[Any], screen: Screen[Any]) -> Iterator[Offered]:
    told: set[str] = set()
    for key, active in sorted(keys_here(screen), key=lambda each: each[1].node is app):
        binding = active.binding
        label = binding.tooltip or binding.description
        if (
            (binding.id or "").startswith(_NEVER_OFFERED)
            or label in told
            or _in_vain(screen, binding.id or "")
        ):
            continue
        told.add(label)
        do = partial(app.run_action, binding.action, active.node)
        yield Offered(label, f"key {shown_key(app, key, active)}", do)


def _in_vain(screen: Screen[Any], name: str) -> bool:
    """Whether a key is about a row, and there is none, or none that it is about."""
    if not isinstance(screen, ActingScreen) or not name.startswith(_ON_ROWS):
        return False
    return not screen.chosen().rows or not suits(screen, name)


def suits(screen: Screen[Any], name: str) -> bool:
    """Whether a key, by its id, does anything on rows as they are chosen on a screen."""
    if not isinstance(screen, ActingScreen):
        return True
    chosen = screen.chosen()
    if name in _IN_NAMESPACES:
        return not chosen.rows or bool(chosen.rows[0].namespace)
    kinds = _OF_KINDS.get(name)
    return kinds is None or not chosen.kind or known_kind(chosen.kind) in kinds


def _places(app: App[Any], screen: Screen[Any]) -> Iterator[Offered]:
    connection = connection_of(app)
    if connection is None or not connection.connected:
        return
    clock: Clock = getattr(screen, "_clock", None) or SystemClock()

    def opened(make: Callable[[Session, Clock], Screen[Any]]) -> None:
        app.push_screen(make(connection, clock))

    for name, make in SCREENS.items():
        yield Offered(f":{name}", "a screen", partial(opened, make))
    if isinstance(screen, NavigatingScreen):
        for kind in KIND_SUGGESTIONS:
            yield Offered(f":{kind}", "a table", partial(screen._obey, kind))


def shown_key(app: App[Any], keys: str, active: ActiveBinding) -> str:
    """Keys as a person reads them."""
    binding = active.binding
    if binding.key_display and "," not in keys:
        return binding.key_display
    return " ".join(
        app.get_key_display(binding.with_key(key=key, key_display=None)) for key in keys.split(",")
    )


def _plain(text: str) -> str:
    """Textual takes this for markup, and names come from outside."""
    return escape(printable(text))


def _take_theme(app: App[Any], name: str) -> None:
    app.theme = theme_named(app, name) or app.theme
