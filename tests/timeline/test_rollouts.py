"""What a revision changed, told from what the workload keeps of its earlier ones."""

from __future__ import annotations

from k8sops.core.plan import JsonObject
from k8sops.timeline.objects import moments_of
from k8sops.timeline.reading_rollouts import moments_of_revisions
from tests.timeline.moments import stamp


def _replica_set(
    revision: int,
    clock: str,
    image: str,
    *,
    env: tuple[tuple[str, str], ...] = (),
    own: dict[str, str] | None = None,
    marks: dict[str, str] | None = None,
) -> JsonObject:
    """`own` are annotations of the ReplicaSet, `marks` those of its pods."""
    container = {
        "name": "web",
        "image": image,
        "env": [{"name": name, "value": value} for name, value in env],
    }
    return {
        "metadata": {
            "namespace": "shop",
            "name": f"web-{revision}",
            "creationTimestamp": stamp(clock),
            "annotations": {
                "deployment.kubernetes.io/revision": str(revision),
                **(own or {}),
            },
            "ownerReferences": [{"kind": "Deployment", "name": "web", "controller": True}],
        },
        "spec": {"template": {"metadata": {"annotations": marks or {}}, "spec": {"containers": [container]}}},
    }


def test_a_revision_says_what_it_changed_and_keeps_values_to_itself() -> None:
    """The first question of every incident is what changed; the answer must not carry a password."""
    before = _replica_set(3, "01:00", "web:1.2", env=(("LEVEL", "info"), ("KEY", "old-hunter2")))
    after = _replica_set(4, "05:00", "web:1.3", env=(("LEVEL", "info"), ("KEY", "new-hunter2")))
    _, one = moments_of_revisions("ReplicaSet", [after, before])
    assert one.subject == "Deployment shop/web"
    assert one.text == "revision 4, against 3: web web:1.2 → 1.3; web env KEY (ReplicaSet web-4)"
    assert "hunter2" not in one.text


def test_the_first_revision_that_is_kept_says_what_it_runs() -> None:
    """There is nothing to hold it against."""
    (one,) = moments_of("ReplicaSet", _replica_set(1, "01:00", "web:1.0"))
    assert one.text == "revision 1: web web:1.0 (ReplicaSet web-1)"


def test_a_restart_by_hand_is_called_one() -> None:
    """`rollout restart` changes an annotation and nothing else."""
    restarted = {"kubectl.kubernetes.io/restartedAt": stamp("05:00")}
    _, one = moments_of_revisions(
        "ReplicaSet", [_replica_set(1, "01:00", "web:1"), _replica_set(2, "05:00", "web:1", marks=restarted)]
    )
    assert one.text == "revision 2, against 1: restarted by hand (ReplicaSet web-2)"


def test_a_revision_gone_back_to_keeps_the_number_it_was_made_under() -> None:
    """A rollback renumbers the old ReplicaSet, whose making still was the earlier revision."""
    back = {"deployment.kubernetes.io/revision-history": "1,3"}
    (one,) = moments_of("ReplicaSet", _replica_set(5, "01:00", "web:1.0", own=back))
    assert one.text.startswith("revision 1: ")


def test_workloads_are_not_held_against_each_other() -> None:
    """All ReplicaSets of a namespace come in one list."""
    other = _replica_set(1, "02:00", "cart:9")
    other["metadata"]["ownerReferences"][0]["name"] = "cart"
    found = moments_of_revisions("ReplicaSet", [_replica_set(1, "01:00", "web:1"), other])
    assert {one.text for one in found} == {
        "revision 1: web web:1 (ReplicaSet web-1)",
        "revision 1: web cart:9 (ReplicaSet web-1)",
    }


def test_a_rollout_that_is_stuck_is_trouble_and_one_that_ended_well_is_not() -> None:
    """Both are in the same condition of the Deployment."""
    stuck = {
        "type": "Progressing",
        "status": "False",
        "reason": "ProgressDeadlineExceeded",
        "lastTransitionTime": stamp("15:00"),
        "lastUpdateTime": stamp("15:00"),
    }
    done = stuck | {"status": "True", "reason": "NewReplicaSetAvailable", "lastUpdateTime": stamp("20:00")}
    about = {"metadata": {"namespace": "shop", "name": "web"}}
    (one,) = moments_of("Deployment", about | {"status": {"conditions": [stuck]}})
    assert (one.text, one.bad) == ("the rollout is stuck: ProgressDeadlineExceeded", True)
    (one,) = moments_of("Deployment", about | {"status": {"conditions": [done]}})
    assert (one.text, one.bad) == ("rollout complete", False)
