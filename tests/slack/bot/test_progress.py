"""What the message of a run's progress counts."""

from __future__ import annotations

from k8sops.core.run import RunState
from k8sops_slack.thread.progress import progress_message
from tests.slack.bot.runs_shown import RAN, a_run, done, drawn


def test_only_steps_of_the_plan_are_counted() -> None:
    """A drain ends a step of its own for each pod, which once read as "15 of 2 steps done"."""
    pods = done(*range(11, 25))
    run = a_run(RunState.RUNNING, events=(*done(1), *pods), **RAN)
    assert "1 of 3 steps done" in drawn(progress_message(run).blocks)
