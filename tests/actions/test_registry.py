"""Every action is classified before any door can reach it."""

from __future__ import annotations

import pytest

from k8sops.actions.registry import ACTIONS, ActionSpec, load_action, load_params, spec_of
from k8sops.core.errors import UsageError
from k8sops.core.params import Params

SECRET_WORDS = ("password", "secret", "token", "credential", "private_key")

each_action = pytest.mark.parametrize("spec", ACTIONS, ids=lambda spec: spec.name)


@each_action
def test_an_action_declares_all_that_policy_and_help_read(spec: ActionSpec) -> None:
    """What is not declared cannot be judged."""
    assert spec.summary.endswith(".")
    assert spec.details
    assert spec.examples
    assert all(example.startswith(f"k8sops {spec.typed} ") for example in spec.examples)
    assert spec.risks
    assert "." in spec.policy_key
    assert spec.verbs or spec.repositories


@each_action
def test_what_is_declared_is_what_is_there(spec: ActionSpec) -> None:
    """The literals name real classes, and the class carries the registry's name."""
    action = load_action(spec)
    assert action.name == spec.name
    assert action.version >= 1
    assert issubclass(load_params(spec), Params)


@each_action
def test_what_rows_become_is_a_field_of_the_params(spec: ActionSpec) -> None:
    """A menu line that only ever leads to an error is worse than none."""
    fields = load_params(spec).model_fields
    for on in spec.on_rows:
        assert {on.rows_as, *dict(on.settles)} <= fields.keys()


@each_action
def test_a_changing_action_asks_for_a_changing_verb(spec: ActionSpec) -> None:
    """An action that changes something with read verbs alone is declared wrongly, and read-only would pass it.

    One on a repository changes that, and may ask the cluster for nothing.
    """
    changing = {"create", "update", "patch", "delete", "deletecollection"}
    writes = any(verb.verb in changing for verb in spec.verbs)
    assert spec.changes_cluster == (writes or spec.repositories)


@each_action
def test_no_field_holds_a_secret(spec: ActionSpec) -> None:
    """Secrets in Params are references only; see DESIGN §8."""
    for name in load_params(spec).model_fields:
        assert not any(word in name for word in SECRET_WORDS), name


@each_action
def test_every_field_says_what_it_is(spec: ActionSpec) -> None:
    """The description is the flag's help, the form's label and the docs."""
    for name, field in load_params(spec).model_fields.items():
        assert field.description, name


def test_an_unknown_action_is_refused_with_the_known_ones() -> None:
    """The hint is the way out."""
    with pytest.raises(UsageError) as caught:
        spec_of("explode")
    assert "scale" in caught.value.hint
