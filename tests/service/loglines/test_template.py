"""Lines by a template: what it may name, what it may not do, and lines that it does not fit."""

from __future__ import annotations

from datetime import UTC

import pytest

from k8sops.core.errors import UsageError
from k8sops.service.loglines.lines import Lines
from k8sops.service.loglines.printing import LineStyle
from tests.service.loglines.made_up import line, shown


def by(template: str, *, colour: bool = False) -> LineStyle:
    """A style."""
    return LineStyle(output="template", template=template, colour=colour, zone=UTC)


def test_a_template_names_what_a_line_has() -> None:
    """All of it, once."""
    where = "{{ namespace }}/{{ pod }}/{{ container }}"
    template = where + " {{ level }} {{ time|time('%H:%M') }} {{ timestamp }} {{ message }}"
    assert shown(by(template), line("ERROR: x")) == (
        "shop/web-1/app error 17:30 2026-11-22T17:30:00.000000000Z ERROR: x\n"
    )


def test_fields_of_a_json_line_are_at_hand() -> None:
    """And those a line lacks can have a default."""
    template = '{{ fields.user | default("-") }} {{ (message|parse).ms }} {{ fields.tags|json }}'
    assert shown(by(template), line('{"user":"alice","ms":7,"tags":["a"]}')) == 'alice 7 ["a"]\n'


def test_colours_are_ours_and_only_at_a_terminal() -> None:
    """By name, by level, by pod."""
    template = "{{ pod|color('cyan') }} {{ message|level_color(level) }}"
    assert (
        shown(by(template, colour=True), line("ERROR: x")) == "\x1b[36mweb-1\x1b[0m \x1b[31mERROR: x\x1b[0m\n"
    )
    assert shown(by(template), line("ERROR: x")) == "web-1 ERROR: x\n"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ message", "unexpected"),
        ("{{ message | nosuch }}", "nosuch"),
        ("{{ mesage }}", "it names mesage"),
        ("{% include 'x' %}", "no other template"),
        ("x" * 10_001, "longer than"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_before_the_first_line(template: str, why: str) -> None:
    """In one sentence."""
    with pytest.raises(UsageError, match=why):
        Lines(by(template))


@pytest.mark.parametrize(
    "template",
    [
        "{{ message.__class__.__mro__ }}",
        "{{ fields.user }}",
        "{{ message|color('plaid') }}",
        "{{ 1/0 }}",
        "{{ level + 1 }}",
    ],
)
def test_a_line_that_does_not_fit_is_shown_as_it_is_and_counted(template: str) -> None:
    """A template never costs a line; neither does one that tries to leave its sandbox."""
    lines = Lines(by(template))
    first = lines.printed([line("hello")])
    assert first.text == "web-1 app hello\n"
    assert "does not fit the template" in first.aside[0]
    assert lines.printed([line("again")]).aside == ()
    assert lines.remarks() == ["2 lines did not fit the template"]
