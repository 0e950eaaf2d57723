"""k9s's keys and ours: the one table that `docs/coming-from-k9s.md` is generated from and a test presses.

A line without one of our keys says what to do in its place; nothing is listed as working that is not pressed, each key
of a line by itself.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Key(msgspec.Struct, frozen=True):
    """A key of k9s; `ours` is the same thing here, empty where there is none yet."""

    theirs: str
    does: str
    ours: str
    note: str = ""
    press: tuple[tuple[str, ...], ...] = ()
    """As a test presses each of them, in a table of pods."""


def _typed(text: str) -> tuple[str, ...]:
    """A line as it is typed, and Enter."""
    names = {" ": "space", ":": "colon", "/": "slash", "=": "equals_sign", "@": "at", "-": "minus"}
    return (*(names.get(letter, letter) for letter in text), "enter")


def _in(kind: str, *keys: str) -> tuple[tuple[str, ...], ...]:
    """Each of some keys on the first row of another kind."""
    return tuple((*_typed(f":{kind}"), key) for key in keys)


def _in_logs(*keys: str) -> tuple[tuple[str, ...], ...]:
    return tuple(("l", key) for key in keys)


KEYS: Final[tuple[Key, ...]] = (
    Key(":kind", "show a kind, by name or short name", ":kind", press=(("colon", *"nodes", "enter"),)),
    Key(
        ":kind ns",
        "in another namespace",
        ":kind ns",
        "`-A` or `all` for every one; several: `shop,payments`",
        press=(_typed(":pods data"),),
    ),
    Key(
        ":kind /filter",
        "filtered at once",
        ":kind /filter",
        press=(("colon", *"pods", "space", "slash", *"web", "enter"),),
    ),
    Key(":kind a=b", "by label selector", ":kind a=b", "also `-l a=b`", press=(_typed(":pods app=web"),)),
    Key(
        ":kind @ctx",
        "in another context",
        ":kind @ctx",
        "several in one table: `@a,b`; all of them: `@*`",
        press=(_typed(":nodes @beta"),),
    ),
    Key(":ctx", "list the contexts, Enter switches", ":ctx", press=(("colon", *"ctx", "enter"),)),
    Key(
        ":q",
        "quit",
        ":q",
        "asks first where a run is carried here; `q` in a table too",
        press=(_typed(":q"),),
    ),
    Key("?", "all keys", "?", press=(("question_mark",),)),
    Key(
        "/text",
        "filter by a regular expression",
        "/text",
        "the table is filtered while you type; `/` begins anew, Up brings the last one back",
        press=(("slash", *"web", "enter"),),
    ),
    Key("/!text", "rows without it", "/!text", press=(("slash", "exclamation_mark", *"web", "enter"),)),
    Key("/-l a=b", "filter by labels", "/-l a=b", press=(_typed("/-l app=web"),)),
    Key("/-f text", "fuzzy", "/-f text", press=(("slash", "minus", "f", "space", *"wb", "enter"),)),
    Key(
        "q",
        "clear the filter, else back",
        "Esc",
        "`q` goes back from texts and lists, and quits from a table",
        press=((*_typed("/web"), "escape"),),
    ),
    Key("Esc", "clear the filter, else back", "Esc", press=((*_typed("/web"), "escape"),)),
    Key(
        "Enter",
        "go in: the pods of a workload, node or namespace, the containers of a pod, a container's log",
        "Enter",
        press=(("enter",),),
    ),
    Key("Shift-J", "to the owner", "Shift-J", press=(("J",),)),
    Key("-", "the last view", "-", press=((*_typed(":nodes"), "minus"),)),
    Key(
        "[ ]",
        "earlier and later commands",
        "[ ]",
        press=(
            (*_typed(":nodes"), "left_square_bracket"),
            (*_typed(":nodes"), "left_square_bracket", "right_square_bracket"),
        ),
    ),
    Key("Tab", "complete the command", "Tab", "also Right and Ctrl-F", press=(("colon", *"nod", "tab"),)),
    Key("Ctrl-U", "clear what is typed", "Ctrl-U", press=(("colon", *"nod", "ctrl+u"),)),
    Key(
        "0–9",
        "all namespaces, and those shown before",
        "0–9",
        press=tuple((digit,) for digit in "0123456789"),
    ),
    Key("d", "describe, with events", "d", press=(("d",),)),
    Key("y", "YAML", "y", "`m` shows managedFields there", press=(("y",),)),
    Key("Space", "mark", "Space", press=(("space",),)),
    Key("Ctrl-Space", "mark a range", "Ctrl-Space", press=(("space", "j", "j", "ctrl+@"),)),
    Key("Ctrl-\\", "take all marks away", "Ctrl-\\", press=(("space", "ctrl+backslash"),)),
    Key("Ctrl-Z", "only what is in trouble", "Ctrl-Z", press=(("ctrl+z",),)),
    Key("Ctrl-W", "wide columns", "Ctrl-W", "Ctrl-O chooses single columns", press=(("ctrl+w",),)),
    Key("w", "to the namespace of the row", "w", press=(("w",),)),
    Key("n", "copy the namespace", "n", press=(("n",),)),
    Key("o (pods)", "to the pod's node", "o", press=(("o",),)),
    Key("z (Deployments)", "its ReplicaSets", "z", press=(("colon", *"deploy", "enter", "z"),)),
    Key("u (namespaces)", "use it", "u", "as Enter and `:pods NAMESPACE`", press=_in("ns", "u")),
    Key("Ctrl-D", "delete", "Ctrl-D", "its plan first, and Cancel has the focus", press=(("ctrl+d",),)),
    Key("Ctrl-K", "kill", "Ctrl-K", "the same as Ctrl-D", press=(("ctrl+k",),)),
    Key(
        "c u r (nodes)",
        "cordon, uncordon, drain",
        "c u r",
        "the drain shows where each pod goes",
        press=_in("nodes", "c", "u", "r"),
    ),
    Key("r (workloads)", "restart", "r", "with its plan", press=_in("deploy", "r")),
    Key(
        "s (workloads)",
        "scale",
        "s",
        "the value and Enter; an autoscaler in the way is told",
        press=_in("deploy", "s"),
    ),
    Key("i", "set an image", "i", "with its plan", press=_in("deploy", "i")),
    Key("t (CronJobs)", "trigger", "t", "with its plan", press=_in("cronjobs", "t")),
    Key("s (CronJobs)", "suspend, resume", "s", "with its plan", press=_in("cronjobs", "s")),
    Key("Ctrl-L (ReplicaSets)", "roll back", "", "in the Deployment's menu, `a`; Ctrl-L logs in anew here"),
    Key("f (pods)", "its forwarded ports", "", "`:pf` lists all of them"),
    Key("b (services)", "benchmark over HTTP", "", "not in this program"),
    Key("s (nodes)", "shell on a node", "", "a debug container with `Shift-D` on a pod of it"),
    Key("z (pods)", "sanitize: delete what has ended", "", "`/!Running`, mark, Ctrl-D"),
    Key("v", "image vulnerabilities", "", "not in this program; `v` shows the events of a row"),
    Key("r (contexts)", "rename", "", "`kubectl config rename-context`: kubeconfigs are never written here"),
    Key(":xray", "a tree of owners", "", "Enter goes down, Shift-J up, `u` to who uses it"),
    Key(
        ":workload",
        "all workloads in one table",
        ":overview",
        "those in trouble, and why",
        press=(_typed(":overview"),),
    ),
    Key(
        "Shift-K (:workload)",
        "sort by kind",
        "",
        "`:overview` puts the worst first; a table here has one kind",
    ),
    Key(":can", "who may do what", "", "`:policy`, and the menu `a` says what you may not, and why"),
    Key(":dir", "apply files of a folder", "", "`kubectl apply`; `e` edits one object with its plan"),
    Key(":users :groups", "subjects of bindings", "", "`:crb` and `:rb`, with Ctrl-W"),
    Key(":screendump", "saved tables", "", "files in the data folder's `saved/`, by Ctrl-S"),
    Key("Ctrl-R", "list again", "Ctrl-R", press=(("ctrl+r",),)),
    Key(
        "Ctrl-A",
        "all names after the colon",
        "Ctrl-A",
        "also `:aliases`; Enter goes there",
        press=(("ctrl+a",),),
    ),
    Key("Ctrl-E", "hide the header", "", "it is one line, and says whose cluster this is: it stays"),
    Key("Ctrl-G", "hide the crumbs", "", "they share the line that says how true the table is"),
    Key("Shift-N", "sort by name", "Shift-N", "a second time turns it round", press=(("N",),)),
    Key("Shift-A", "sort by age", "Shift-A", press=(("A",),)),
    Key("Shift-P", "sort by namespace", "Shift-P", press=(("P",),)),
    Key("Shift-S", "sort by status", "Shift-S", press=(("S",),)),
    Key("Shift-R", "sort by ready (nodes: roles)", "Shift-R", press=(("R",),)),
    Key("Shift-T", "sort by restarts (services: type)", "Shift-T", press=(("T",),)),
    Key("Shift-I", "sort by address", "Shift-I", "shows the wide columns", press=(("I",),)),
    Key(
        "Shift-← Shift-→",
        "choose the column to sort by",
        "Shift-← Shift-→",
        "sorts by it at once; also `<` and `>`",
        press=(("shift+left",), ("shift+right",)),
    ),
    Key(
        "Shift-O",
        "sort by the column chosen",
        "Shift-← Shift-→",
        "once chosen it is sorted by: `Shift-O` sorts by node",
        press=(("shift+left",), ("shift+right",)),
    ),
    Key("Shift-O (before 0.50.17)", "sort by node", "Shift-O", "shows the wide columns", press=(("O",),)),
    Key("Shift-U", "sort by up-to-date", "Shift-U", press=(("U",),)),
    Key("Shift-L", "sort by available", "Shift-L", press=(("L",),)),
    Key("Shift-C", "sort by CPU", "Shift-C", "what uses most comes first", press=(("C",),)),
    Key("Shift-M", "sort by memory", "Shift-M", press=(("M",),)),
    Key("Shift-X", "sort by CPU against the request", "Shift-X", press=(("X",),)),
    Key("Shift-Z", "sort by memory against the request", "Shift-Z", press=(("Z",),)),
    Key(
        "x",
        "decode a Secret",
        "x",
        "also in YAML; goes on record first",
        press=(("colon", *"secrets", "enter", "x"),),
    ),
    Key("j k g G", "move", "j k g G", press=(("j",), ("j", "j", "k"), ("G", "g"), ("G",))),
    Key("Ctrl-F Ctrl-B", "page down, page up", "Ctrl-F Ctrl-B", press=(("ctrl+f",), ("ctrl+f", "ctrl+b"))),
    Key("e", "edit", "e", "as text; Ctrl-S shows what was changed as a plan", press=(("e",),)),
    Key("l", "logs", "l", "of workloads all pods; all containers, `a` one after another", press=(("l",),)),
    Key("p", "logs of the container before", "p", press=(("p",),)),
    Key(
        "0–6 (logs)",
        "tail, head, 1m, 5m, 15m, 30m, 1h",
        "0–6",
        "`/` searches, `J` lays JSON out, `p` the container before",
        press=(("l", "1", "0"), *_in_logs(*"123456")),
    ),
    Key("s w t (logs)", "follow, wrap, times", "s w t", press=_in_logs("s", "w", "t")),
    Key("m Shift-C (logs)", "mark this moment, clear", "m Shift-C", press=(("l", "m"), ("l", "m", "C"))),
    Key("a (logs)", "all containers", "a", "one after another, then all again", press=_in_logs("a")),
    Key(
        "f (logs)", "full screen", "f", "the line that says whose cluster this is stays", press=_in_logs("f")
    ),
    Key("Shift-L (logs)", "keep the column while following", "", "always so"),
    Key(
        "n Shift-N (texts)",
        "next and previous match",
        "n Shift-N",
        press=(("y", *_typed("/name"), "n"), ("y", *_typed("/name"), "N")),
    ),
    Key(
        "f (texts)",
        "full screen",
        "",
        "texts have no frame: they fill the screen but for the lines above and below",
    ),
    Key("r (YAML)", "refresh by itself", "", "`r` reads it again"),
    Key("s (pods)", "shell", "s", "Enter ~ . leaves one that hangs; on record", press=(("s",),)),
    Key("a (pods)", "attach", "a Enter", "the first entry of the menu", press=(("a", "enter"),)),
    Key("Shift-F", "port-forward", "Shift-F", "survives the pod's replacement", press=(("F",),)),
    Key(":pf", "forwarded ports", ":pf", "Ctrl-D stops one", press=(("colon", *"pf", "enter"),)),
    Key("t (pods)", "transfer files", "t", press=(("t",),)),
    Key(
        "Shift-D (plugin)",
        "debug container",
        "Shift-D",
        "`debug_image` in the configuration",
        press=(("D",),),
    ),
    Key("c", "copy the name", "c", "the names of what is marked; in texts the text", press=(("c",),)),
    Key(
        "Ctrl-S",
        "save to a file",
        "Ctrl-S",
        "rows as CSV, texts as they are, below the data folder",
        press=(("ctrl+s",),),
    ),
    Key("u", "used by", "u", "Enter goes to the user; nodes: uncordon", press=(("u",),)),
    Key(
        ":helm",
        "Helm releases",
        ":helm",
        "Enter: history, `v` values, `d` notes, `y` manifest, `h` hooks",
        press=(("colon", *"helm", "enter"),),
    ),
    Key(
        ":pulses",
        "the cluster at a glance",
        ":overview",
        "`:pulses` opens it too",
        press=(("colon", *"pulses", "enter"),),
    ),
)


def keys_page() -> str:
    """The page for people who come from k9s, without its notice."""
    rows = [f"| {_code(key.theirs)} | {key.does} | {_code(key.ours)} | {key.note} |" for key in KEYS]
    return (
        "# Coming from k9s\n\nThe same keys do the same things; where something is missing, the line says what to use "
        "meanwhile.\nWhat changes a cluster opens one dialog with its plan, and the dialog is the confirmation.\n\n"
        "| In k9s | Does | Here | |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def _code(keys: str) -> str:
    return f"`{keys}`" if keys else "–"
