"""The three parts of a drain's picture as lines of a width: pods, room on the nodes that stay, waves on a time axis.

Pure. Before the drain a pod's sign says what will become of it, during it how far it is; the same lines serve both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final

from k8sops.core.moments import in_words
from k8sops.core.text import counted, printable
from k8sops.tui.columns import width_of
from k8sops.tui.draining.filling import GLYPHS, Filling, PodState
from k8sops.tui.draining.picture import Fate, NodeRoom, Picture, PodMove
from k8sops.tui.draining.toned import Part, Tone, TonedLine, cells
from k8sops.tui.row_painter import fit

EMPTY: Final[TonedLine] = ()
_NAME_LEAST: Final = 20
_WHY_LEAST: Final = 24
_BAR_MOST: Final = 24
_BAR_LEAST: Final = 6
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_FULL_PERCENT: Final = 100
_TIGHT_PERCENT: Final = 90
_SIGNS: Final[dict[Fate, tuple[str, Tone]]] = {
    "moves": ("→", "busy"),
    "ends": ("→", "busy"),
    "stays": ("=", "muted"),
    "blocked": ("✗", "bad"),
}
_TONES: Final[dict[PodState, Tone]] = {
    "planned": "muted",
    "waiting": "warn",
    "leaving": "busy",
    "gone": "ok",
    "failed": "bad",
    "untouched": "muted",
}


_COUNTED: Final[dict[PodState, str]] = {
    "gone": "gone",
    "leaving": "leaving",
    "waiting": "waiting",
    "failed": "failed",
}


def pod_lines(picture: Picture, filling: Filling | None, width: int) -> list[TonedLine]:
    """Every pod with its sign, and where it goes or why it does not; what is blocked stands first."""
    lines: list[TonedLine] = []
    several = len(picture.origins) > 1
    groups = (
        ("BLOCKED", picture.blocked),
        ("MOVES", picture.moves),
        ("ENDS", picture.ends),
        ("STAYS", picture.stays),
    )
    for title, pods in groups:
        if pods:
            lines += [EMPTY] if lines else []
            lines.append(((f"{title} {len(pods)}", "heading"),))
            lines += _group(pods, filling, width, several=several)
    if picture.unlisted:
        lines.append(
            ((f"and {counted(picture.unlisted, 'more pod')}, which this plan does not list", "muted"),)
        )
    return lines or [(("No pod is on it.", "muted"),)]


def room_lines(picture: Picture, filling: Filling | None, width: int) -> list[TonedLine]:
    """A bar for each node that stays: what is taken, and what comes to it; while it runs, what has come by now."""
    if not picture.rooms:
        return [(("How full other nodes get is not in this plan.", "muted"),)]
    names = min(max(width_of(printable(room.name)) for room in picture.rooms), max(width // 3, 8))
    come = [filling.arrived(room, picture) if filling is not None else None for room in picture.rooms]
    told = [_percent(room, number) for room, number in zip(picture.rooms, come, strict=True)]
    tail = max(map(width_of, told))
    bar = min(_BAR_MOST, max(_BAR_LEAST, width - names - tail - 2))
    lines = [
        _room(room, number or 0, text, names, bar)
        for room, number, text in zip(picture.rooms, come, told, strict=True)
    ]
    return [*lines, *(_come_if_let(picture, width) if filling is None else ())]


def wave_lines(picture: Picture, filling: Filling | None, width: int) -> list[TonedLine]:
    """The axis, and a line for each wave; while it runs, how far time and pods are."""
    if not picture.waves:
        return [(("No pod can go as things stand.", "muted"),), *_held(picture, 0)]
    elapsed = filling.elapsed_s if filling is not None else 0.0
    ends = max(*(wave.ends_s for wave in picture.waves), picture.seconds, 1.0)
    if filling is not None:
        ends = max(ends, elapsed)
    said = [_wave_said(picture, filling, number) for number in range(len(picture.waves))]
    head = len(f"wave {picture.waves[-1].number} ")
    tail = min(max(map(cells, said)), width // 2)
    axis = max(width - head - tail - 1, 10)
    lines: list[TonedLine] = [((" " * head, ""), (_axis(ends, axis), "muted"))]
    if filling is not None:
        lines.append(_hand(elapsed, ends, axis, head, ended=filling.ended))
    for wave, parts in zip(picture.waves, said, strict=True):
        first = min(int(axis * wave.begins_s / ends), axis - 1)
        last = max(min(round(axis * wave.ends_s / ends), axis), first + 1)
        past = min(max(round(axis * elapsed / ends), first), last) if filling is not None else first
        lines.append(
            (
                (f"{f'wave {wave.number}':<{head}}", ""),
                (" " * first, ""),
                ("━" * (past - first), "busy"),
                (("─" if filling is not None else "━") * (last - past), "" if filling is None else "muted"),
                (" " * (axis - last + 1), ""),
                *_fitted(parts, tail),
            )
        )
    return [*lines, *_held(picture, head)]


def waves_title(picture: Picture) -> TonedLine:
    """How long it takes, and what limits it by name."""
    if not picture.seconds:
        return (("WAVES", "heading"),)
    limit = f" · limited by {picture.limited_by}" if picture.limited_by else ""
    return (("WAVES", "heading"), (printable(f"  about {in_words(picture.seconds)}{limit}"), "muted"))


def pods_title(picture: Picture, filling: Filling | None) -> TonedLine:
    """How many of which."""
    if filling is None:
        homeless = sum(not pod.whereto for pod in picture.moves)
        aside = f", {homeless} to no node yet" if homeless else ""
        parts = [
            f"{number} {one if number == 1 else more}"
            for number, one, more in (
                (len(picture.moves), f"moves{aside}", f"move{aside}"),
                (len(picture.ends), "ends", "end"),
                (len(picture.stays), "stays", "stay"),
                (len(picture.blocked), "blocked", "blocked"),
                (picture.unlisted, "not listed", "not listed"),
            )
            if number
        ]
    else:
        states = [filling.state(pod) for pod in picture.pods if pod.fate != "stays"]
        parts = [f"{states.count(state)} {word}" for state, word in _COUNTED.items() if state in states]
        parts.append(f"{sum(state in {'planned', 'untouched'} for state in states)} to go")
    return (("PODS", "heading"), (f"  {' · '.join(parts)}", "muted"))


def room_title(filling: Filling | None) -> TonedLine:
    """What the bars are shares of, and which of their two parts is which."""
    told = "before → after" if filling is None else "by now → after, as planned"
    return (("ROOM", "heading"), (f"  of what nodes can give, {told}", "muted"))


def _group(
    pods: Sequence[PodMove], filling: Filling | None, width: int, *, several: bool
) -> Iterator[TonedLine]:
    names = min(max(width_of(printable(pod.name)) for pod in pods), max(width * 3 // 5, _NAME_LEAST))
    room = max(width - names - 4, 0)
    for pod in pods:
        sign, tone = _sign(pod, filling)
        head: list[Part] = [(f"{sign} ", tone), (fit(printable(pod.name), names, middle=True), "")]
        where, why = _where(pod, several=several), printable(pod.why)
        if where:
            head.append((f"  {fit(where, min(width_of(where), room), middle=True)}", "strong"))
        if not why:
            yield tuple(head)
            continue
        left = room - (width_of(where) + 2 if where else 0)
        if width_of(why) <= left:
            yield (*head, (f"  {why}", "muted"))
        elif room >= _WHY_LEAST and not where:
            first, *others = wrap(why, room)
            yield (*head, (f"  {first}", "muted"))
            yield from (((" " * (names + 4) + other, "muted"),) for other in others)
        else:
            yield tuple(head)
            yield from (((f"    {line}", "muted"),) for line in wrap(why, max(width - 4, 10)))


def _where(pod: PodMove, *, several: bool) -> str:
    if pod.fate != "moves" or not pod.whereto:
        return f"on {printable(pod.origin)}" if several else ""
    whereto = printable(pod.whereto)
    return f"{printable(pod.origin)} → {whereto}" if several else f"→ {whereto}"


def _sign(pod: PodMove, filling: Filling | None) -> tuple[str, Tone]:
    if filling is None or pod.fate == "stays":
        return _SIGNS[pod.fate]
    state = filling.state(pod)
    return GLYPHS[state], _TONES[state]


def _percent(room: NodeRoom, come: int | None) -> str:
    # Nothing lands on a cordoned node: one column holds both.
    more = "cordoned" if room.cordoned else f"+{room.arriving}" if room.arriving else ""
    if come is not None and room.arriving:
        more = f"{come} of {room.arriving}"
    return f"{_by_now(room, come or 0):>3} → {room.after:>3} % {room.resource:<6} {more:>8}"


def _by_now(room: NodeRoom, come: int) -> int:
    share = come / room.arriving if room.arriving else 0.0
    return round(room.before + (room.after - room.before) * min(share, 1.0))


def _room(room: NodeRoom, come: int, told: str, names: int, bar: int) -> TonedLine:
    cells = bar * min(room.before, _FULL_PERCENT) / _FULL_PERCENT
    # What comes begins with a whole cell: beside a part of one there would be a gap.
    full, part = divmod(round(8 * cells), 8) if room.after <= room.before else (round(cells), 0)
    before = "█" * full + (_EIGHTHS[part] if part else "")
    after = max(round(bar * min(room.after, _FULL_PERCENT) / _FULL_PERCENT), len(before))
    if room.after > room.before and after == len(before) < bar:
        # What comes is to be seen, be it less than a cell.
        after += 1
    coming = after - len(before)
    here = coming * min(come, room.arriving) // room.arriving if room.arriving else 0
    tone: Tone = "bad" if room.after > _FULL_PERCENT else "warn" if room.after >= _TIGHT_PERCENT else "busy"
    return (
        (fit(printable(room.name), names, middle=True), ""),
        (" ", ""),
        (before, ""),
        ("█" * here, tone),
        ("▒" * (coming - here), tone),
        ("░" * (bar - after), "muted"),
        (" ", ""),
        (told, tone if tone != "busy" else ""),
    )


def _come_if_let(picture: Picture, width: int) -> Iterator[TonedLine]:
    """The forecast is of all that is meant to go: how many of those that come are blocked."""
    names = {room.name for room in picture.rooms}
    blocked = sum(pod.whereto in names for pod in picture.blocked)
    if blocked:
        come = sum(room.arriving for room in picture.rooms)
        told = f"{blocked} of the {come} that come {'is' if blocked == 1 else 'are'} blocked"
        yield from (((line, "warn"),) for line in wrap(told, max(width, 10)))


def _held(picture: Picture, head: int) -> Iterator[TonedLine]:
    """Pods that a budget does not let go as things stand."""
    by_budget = Counter(pod.budgets for pod in picture.blocked if pod.budgets and not pod.wave)
    for budgets, number in sorted(by_budget.items()):
        name = " and ".join(map(printable, budgets))
        yield ((f"{'held':<{head}}", "warn"), (f"  {counted(number, 'pod')} by {name}", "warn"))


def _wave_said(picture: Picture, filling: Filling | None, number: int) -> tuple[Part, ...]:
    wave = picture.waves[number]
    count = len(wave.paths)
    text = f"{count:>4} {'pod ' if count == 1 else 'pods'}"
    if filling is not None:
        gone = sum(filling.states.get(path) == "gone" for path in wave.paths)
        text = f"{gone:>4} of {count} gone"
    paced: Part = (f"  paced by {printable(wave.paced_by)}", "muted")
    return ((text, ""), paced) if wave.paced_by else ((text, ""),)


def _fitted(parts: tuple[Part, ...], width: int) -> Iterator[Part]:
    for text, tone in parts:
        length = min(width_of(text), max(width, 0))
        if length > 1:
            yield fit(text, length, middle=True), tone
        width -= length


def _axis(seconds: float, width: int) -> str:
    """Moments below which their cells stand, as many as there is room for."""
    step = next(
        (one for one in _STEPS if width * one / seconds >= _TICK_CELLS and one * 12 >= seconds), _STEPS[-1]
    )
    line = ""
    moment = 0.0
    while moment <= seconds:
        text = f"┆{in_words(moment) if moment else '0'}"
        at = int(width * moment / seconds)
        if at >= width_of(line) and at + width_of(text) <= width:
            line = line.ljust(at) + text
        moment += step
    return line.ljust(width)


_TICK_CELLS: Final = 10
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


def _hand(elapsed: float, ends: float, axis: int, head: int, *, ended: bool) -> TonedLine:
    """Where on the axis now is."""
    at = min(int(axis * elapsed / ends), axis - 1)
    word = f"{'ended after' if ended else 'now'} {in_words(elapsed)}"
    sign = f"▼ {word}" if at + 2 + len(word) <= axis else f"{word} ▼"
    start = at if sign.startswith("▼") else max(at - len(word) - 1, 0)
    return ((" " * (head + start), ""), (sign, "busy"))
