"""How moments of many sources become one line of time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from k8sops.core.timeline import Moment, Unknown
from k8sops.timeline.belonging import family_of, workload_of
from k8sops.timeline.folding import rows_of
from k8sops.timeline.merging import merged
from tests.timeline.moments import START, ns, timeline_of, told

RUN = "run 01JD0000000000000000000000"


def test_what_two_sources_tell_alike_stands_there_once_as_it_was_told_last() -> None:
    """An event read twice has counted on meanwhile."""
    once = told("05:00", count=3, until="06:00")
    again = told("05:00", count=4, until="07:00")
    assert timeline_of(once, again, once).moments == (again,)


def test_an_event_told_anew_soon_goes_on_and_much_later_is_another() -> None:
    """Kubernetes forgets an event after a while and begins a new one; a quiet half hour in between is news."""
    found = timeline_of(told("05:00"), told("12:00", count=2), told("40:00")).moments
    assert [(one.at_ns, one.count) for one in found] == [(ns("05:00"), 3), (ns("40:00"), 1)]
    assert found[0].until_ns == ns("12:00")


def test_the_same_change_of_scale_twice_stands_there_twice() -> None:
    """An autoscaler that goes up and down tells the same sentence again and again: that is what is to be seen."""
    up = "ScalingReplicaSet: Scaled up replica set web-1 from 2 to 4"
    found = timeline_of(told("05:00", up, matter="scale"), told("08:00", up, matter="scale")).moments
    assert len(found) == 2


def test_what_began_before_the_window_and_went_on_into_it_belongs_to_it() -> None:
    """A crash loop since yesterday is part of this hour; what ended yesterday is not."""
    long = Moment(
        at_ns=START - 10, until_ns=START + 10, matter="restart", subject="Pod a/b", text="again", count=9
    )
    over = Moment(at_ns=START - 10, until_ns=START - 5, matter="restart", subject="Pod a/c", text="again")
    late = told("60:01")
    assert timeline_of(long, over, late).moments == (long,)


def test_a_run_and_what_the_cluster_did_for_it_stand_side_by_side_and_apart() -> None:
    """The event names the run it happened during; nobody has to compare clocks."""
    began = told("10:00", "began", matter="run", subject=RUN, targets=("Deployment shop/web",))
    ended = told("11:00", "succeeded", matter="run", subject=RUN)
    scaled = told("10:00", "ScalingReplicaSet: up", matter="scale", subject="Deployment shop/web")
    pod = told("10:02", "Scheduled: ok", subject="Pod shop/web-6d4b8f7c9-x2z4k")
    other = told("10:02", "Scheduled: ok", subject="Pod shop/webshop-6d4b8f7c9-x2z4k")
    later = told("20:00", "ScalingReplicaSet: down", matter="scale", subject="Deployment shop/web")
    found = timeline_of(scaled, pod, other, later, ended, began).moments
    assert [(one.text, one.run) for one in found] == [
        ("began", ""),
        ("ScalingReplicaSet: up", RUN.removeprefix("run ")),
        ("Scheduled: ok", RUN.removeprefix("run ")),
        ("Scheduled: ok", ""),
        ("succeeded", ""),
        ("ScalingReplicaSet: down", ""),
    ]


def test_within_a_second_what_leads_to_something_stands_before_it() -> None:
    """Most events have no fraction of a second: cut off, they would seem to come before what caused them."""
    began = told("10:00.3", "began", matter="run", subject=RUN, targets=("Deployment shop/web",))
    scaled = told("10:00", "ScalingReplicaSet: up", matter="scale", subject="Deployment shop/web")
    placed = told("10:00.4", "Scheduled: to node-1", subject="Pod shop/web-6d4b8f7c9-x2z4k")
    ended = told("10:00.9", "succeeded", matter="run", subject=RUN)
    found = timeline_of(ended, placed, scaled, began).moments
    assert [one.text for one in found] == ["began", scaled.text, placed.text, "succeeded"]
    assert all(one.run for one in found[1:3])


def test_too_many_moments_leave_out_the_calm_ones_and_say_so() -> None:
    """What is dropped silently would be taken for what did not happen."""
    calm = [told(f"{place}:00", "Pulled: x", subject=f"Pod shop/p{place}") for place in range(10)]
    bad = told("00:30", "BackOff: x", bad=True)
    found = timeline_of(*calm, bad, most=3)
    assert [one.at_ns for one in found.moments] == [bad.at_ns, ns("8:00"), ns("9:00")]
    assert found.unknown == (
        Unknown(source="8 moments", why="more than 3, and of the least trouble", expected=True),
    )


@given(
    st.lists(st.builds(lambda at, text: told(f"{at}:00", text), st.integers(-5, 65), st.sampled_from("ab")))
)
def test_the_order_of_reading_changes_nothing(moments: list[Moment]) -> None:
    """Sources are read side by side, and end as they please."""
    assert timeline_of(*moments) == timeline_of(*reversed(moments))


def test_a_timeline_merged_again_stays_as_it_is() -> None:
    """A bundle's timeline is read, narrowed and merged once more."""
    first = timeline_of(told("05:00"), told("12:00"), told("40:00"))
    assert merged(first.moments, since_ns=first.since_ns, until_ns=first.until_ns) == first


def test_pods_of_one_workload_that_do_alike_are_one_row() -> None:
    """A rollout of forty pods is four rows, not a hundred and sixty."""
    pods = [f"Pod shop/web-6d4b8f7c9-x2z4{last}" for last in "kvwx"]
    moments = timeline_of(
        *(told(f"05:0{at}", "Scheduled: to node", subject=pod) for at, pod in enumerate(pods))
    ).moments
    (row,) = rows_of(moments)
    assert (row.moment.count, row.others, row.moment.until_ns) == (4, 3, ns("05:03"))
    assert len(rows_of(moments, folded=False)) == 4


def test_nodes_that_are_lost_together_are_one_row() -> None:
    """A zone that goes away is one finding."""
    moments = timeline_of(
        *(
            told(
                "05:00", "is not ready: NodeStatusUnknown", matter="node", bad=True, subject=f"Node n{place}"
            )
            for place in range(5)
        )
    ).moments
    (row,) = rows_of(moments)
    assert row.others == 4


def test_a_pod_s_coming_to_be_is_one_row() -> None:
    """Scheduled, pulled, created, started: told of the pod and of its container, and of no news to anybody."""
    pod = "Pod shop/web-6d4b8f7c9-x2z4k"
    moments = timeline_of(
        told("05:00", "Scheduled: to node-1", subject=pod),
        told("05:01", "Pulled: image", subject=f"{pod} (app)"),
        told("05:01", "Started: container", subject=f"{pod} (app)"),
    ).moments
    (row,) = rows_of(moments)
    assert (row.moment.subject, row.moment.text, row.moment.count) == (pod, "Scheduled, Pulled, Started", 3)


def test_different_ends_of_containers_are_different_rows() -> None:
    """Killed for memory and ended by itself are two findings, however near in time."""
    moments = timeline_of(
        told("05:00", "ended with exit code 137 (OOMKilled) 4 s after its start", matter="restart", bad=True),
        told("05:01", "ended with exit code 1 (Error) 4 s after its start", matter="restart", bad=True),
    ).moments
    assert len(rows_of(moments)) == 2


def test_an_hour_of_errors_is_one_row_until_it_pauses() -> None:
    """Each minute has its own moment; a reader wants the bouts."""
    minutes = [*range(5, 15), *range(40, 45)]
    moments = timeline_of(
        *(told(f"{at}:00", f"KeyError {at}", matter="log", bad=True, count=10) for at in minutes)
    ).moments
    assert [row.moment.count for row in rows_of(moments)] == [100, 50]


def test_names_tell_whose_a_pod_is() -> None:
    """By the rule controllers name by, which holds when the objects are gone."""
    assert "Deployment shop/web" in workload_of("Pod shop/web-6d4b8f7c9-x2z4k (app)")
    assert "ReplicaSet shop/web-6d4b8f7c9" in workload_of("Pod shop/web-6d4b8f7c9-x2z4k")
    assert "StatefulSet data/postgres" in workload_of("Pod data/postgres-0")
    assert workload_of("ReplicaSet shop/web-6d4b8f7c9")[1] == "Deployment shop/web"
    assert workload_of("Node node-4") == ("Node node-4",)
    assert family_of("Pod shop/web-6d4b8f7c9-x2z4k (app)") == "Pod shop/web (app)"
