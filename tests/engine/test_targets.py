"""Two runs on one object wait for each other where one changes it; who only reads waits for nobody."""

from __future__ import annotations

from k8sops.core.risk import Risk
from k8sops.engine.targets import lock_keys
from tests.support.plans import a_plan, scale_step


def test_what_is_changed_is_locked_and_what_is_read_is_not() -> None:
    """Collecting logs twice, or looking on while a rollout runs, is in nobody's way."""
    assert len(lock_keys(a_plan(steps=(scale_step(risk=Risk.LOW),)))) == 1
    assert lock_keys(a_plan(steps=(scale_step(risk=Risk.READ),))) == ()
