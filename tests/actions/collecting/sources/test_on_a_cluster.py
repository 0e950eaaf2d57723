"""What a bundle holds of a namespace in trouble: found the way Kubernetes finds it, and readable by itself."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from k8sops.actions.collecting.gathering import Gathering
from tests.actions.collecting.sources.ground import SECRET_VALUE, gathered, gathering_of
from tests.support.bundle_sink import MemorySink


def of(files: MemorySink, space: str, kind: str) -> set[str]:
    """Names of the objects of a kind that were kept."""
    prefix = f"namespaces/{space}/{kind}/"
    return {
        path.removeprefix(prefix).removesuffix(".yaml")
        for path in files.files
        if path.startswith(prefix) and path.endswith(".yaml")
    }


def test_whatever_made_a_pod_is_kept_up_to_the_cron_job(laid_out: str, files: MemorySink) -> None:
    """The pod's own YAML does not say what will make the next one."""
    assert of(files, laid_out, "deployments.apps") >= {"web", "broken"}
    assert of(files, laid_out, "jobs.batch") == {"nightly-1"}
    assert of(files, laid_out, "cronjobs.batch") == {"nightly"}
    kept = {name.rpartition("-")[0] for name in of(files, laid_out, "replicasets.apps")}
    assert kept == {"web", "broken"}


def test_a_workload_that_was_asked_for_is_kept_though_it_has_no_pod(laid_out: str, files: MemorySink) -> None:
    """That no pod can be made is the very thing to be explained."""
    assert f"namespaces/{laid_out}/deployments.apps/idle.yaml" in files.files


def test_what_selects_scales_guards_and_bounds_the_pods_is_kept_and_nothing_else(
    laid_out: str, files: MemorySink
) -> None:
    """A bundle for a vendor is not the whole namespace."""
    assert of(files, laid_out, "services") == {"web"}
    assert len(of(files, laid_out, "endpointslices.discovery.k8s.io")) == 1
    assert of(files, laid_out, "ingresses.networking.k8s.io") == {"web"}
    assert of(files, laid_out, "horizontalpodautoscalers.autoscaling") == {"web"}
    assert of(files, laid_out, "poddisruptionbudgets.policy") == {"web"}
    assert of(files, laid_out, "networkpolicies.networking.k8s.io") == {"all"}
    assert of(files, laid_out, "resourcequotas") == {"bounds"}
    assert f"cluster/namespaces/{laid_out}.yaml" in files.files


def test_what_the_pods_name_is_kept_down_to_the_volume_and_its_class(
    laid_out: str, files: MemorySink
) -> None:
    """A pod that hangs in ContainerCreating hangs on one of these; one that is named and missing is told."""
    assert of(files, laid_out, "configmaps") == {"settings", "kube-root-ca.crt"}
    assert of(files, laid_out, "serviceaccounts") >= {"runner"}
    assert of(files, laid_out, "persistentvolumeclaims") == {"disk"}
    claim = yaml.safe_load(files.files[f"namespaces/{laid_out}/persistentvolumeclaims/disk.yaml"].text)
    assert f"cluster/persistentvolumes/{claim['spec']['volumeName']}.yaml" in files.files
    assert f"cluster/storageclasses.storage.k8s.io/{claim['spec']['storageClassName']}.yaml" in files.files
    assert "does not exist" in files.not_here[f"namespaces/{laid_out}/configmaps/nowhere.yaml"]


def test_no_value_of_a_secret_is_in_any_file_though_nothing_is_redacted(
    laid_out: str, files: MemorySink
) -> None:
    """Redaction is the second line; which keys there are is all that an incident asks."""
    kept = yaml.safe_load(files.files[f"namespaces/{laid_out}/secrets/keys.yaml"].text)
    assert kept["keys"] == ["password"]
    assert of(files, laid_out, "secrets") == {"keys"}
    assert SECRET_VALUE.encode() not in files.everything
    assert b"Y29ycmVjdC1ob3JzZS" not in files.everything


def test_objects_come_without_bookkeeping_and_with_their_kind(laid_out: str, files: MemorySink) -> None:
    """`kubectl apply -f` and `diff` take them; managedFields are half of an object and say nothing."""
    for path, file in files.files.items():
        if path.endswith(".yaml") and "/rollouts/" not in path:
            found = yaml.safe_load(file.text)
            assert found["kind"], path
            assert found["apiVersion"], path
            assert "managedFields" not in found["metadata"], path


def test_what_crashes_says_why_in_the_first_line_of_its_description(laid_out: str, files: MemorySink) -> None:
    """Whoever opens one file of the bundle opens this one."""
    told = files.files[f"namespaces/{laid_out}/deployments.apps/broken.txt"].text.splitlines()
    assert told[0].startswith("Why ")
    assert "exited with code" in told[0]
    (pod,) = (path for path in files.files if "/pods/broken-" in path and path.endswith(".txt"))
    assert "exited with code" in files.files[pod].text.splitlines()[0]
    assert not files.files[f"namespaces/{laid_out}/deployments.apps/web.txt"].text.startswith("Why ")


def test_both_revisions_are_told_with_their_cause_and_kept_as_templates(
    laid_out: str, files: MemorySink
) -> None:
    """What changed is the first question; the cause is somebody's text and cannot drive a terminal."""
    lines = files.files[f"namespaces/{laid_out}/rollouts.txt"].text.splitlines()
    web = [line.split() for line in lines if line.startswith("Deployment/web ")]
    assert [line[1] for line in web] == ["1", "2"]
    assert r"a newer \x1b[31mimage\x1b[0m" in "\n".join(lines)
    first, second = (
        yaml.safe_load(files.files[f"namespaces/{laid_out}/{line[-1]}"].text)["metadata"]["labels"]
        for line in web
    )
    assert "generation" not in first
    assert second["generation"] == "two"


def test_events_are_lines_of_json_and_a_table_by_time(laid_out: str, files: MemorySink) -> None:
    """One for tools, one for eyes; both of the same events."""
    lines = files.files[f"namespaces/{laid_out}/events.jsonl"].data.splitlines()
    found: list[dict[str, Any]] = [msgspec.json.decode(line) for line in lines]
    assert {"ScalingReplicaSet", "Scheduled"} <= {one["reason"] for one in found}
    titles, *rows = files.files[f"namespaces/{laid_out}/events.txt"].text.splitlines()
    assert titles.startswith("LAST SEEN")
    assert len(rows) == len(lines)
    assert rows == sorted(rows, key=lambda row: row.split()[0])


def test_each_node_of_a_pod_comes_with_its_share_and_the_logs_of_its_services(
    bundle: tuple[Gathering, MemorySink],
) -> None:
    """Conditions and what is allocated, kubelet and runtime: a node's part of an incident."""
    gathering, files = bundle
    broken = next(pod for pod in gathering.pods if pod["metadata"]["name"].startswith("broken-"))
    assert broken["metadata"]["name"] in files.files[f"nodes/{broken['spec']['nodeName']}/node.txt"].text
    for name in {pod["spec"]["nodeName"] for pod in gathering.pods}:
        words = files.files[f"nodes/{name}/node.txt"].text
        assert "KubeletReady" in words
        assert "Allocated" in words
        for service in ("kubelet", "containerd"):
            file = files.files[f"nodes/{name}/{service}.log"]
            assert file.data.count(b"\n") > 10
            assert not file.errors


def test_the_cluster_says_its_version_its_health_and_what_it_serves(files: MemorySink) -> None:
    """A vendor asks for these first."""
    assert "gitVersion" in files.files["cluster/version.json"].text
    assert files.files["cluster/readyz.txt"].text.rstrip().endswith("readyz check passed")
    assert "livez check passed" in files.files["cluster/livez.txt"].text
    assert "deployments.apps" in files.files["cluster/api-resources.txt"].text
    assert "v1.apps" in files.files["cluster/apiservices.txt"].text
    assert "CONTAINER-RUNTIME" in files.files["cluster/nodes.txt"].text
    for path in ("cluster/leases.txt", "cluster/kube-system-pods.txt", "cluster/metrics.txt"):
        assert files.files[path].text


def test_our_own_records_and_runs_are_kept(files: MemorySink) -> None:
    """What we did to the cluster belongs to what happened to it."""
    assert files.files["k8sops/audit.jsonl"].data.count(b"\n") == 2
    assert "scale deployment/web" in files.files["k8sops/runs.txt"].text


def test_events_restarts_rollouts_nodes_and_runs_become_moments(bundle: tuple[Gathering, MemorySink]) -> None:
    """The timeline is made of what the sources found."""
    moments = bundle[0].moments
    assert {"event", "restart", "rollout", "scale", "node", "run"} <= {one.matter for one in moments}
    assert any(one.matter == "restart" and one.bad and "broken" in one.subject for one in moments)
    rollouts = [one for one in moments if one.matter == "rollout" and one.subject.endswith("/web")]
    assert any("revision 2" in one.text for one in rollouts)


def test_nothing_is_missing_that_should_be_there(files: MemorySink) -> None:
    """An administrator on a healthy cluster gets it all; what the sandbox does not play is a note."""
    assert files.absent == {}
    assert [path for path, file in files.files.items() if file.errors] == []


async def test_a_bundle_of_the_same_state_has_the_same_files(
    bundle: tuple[Gathering, MemorySink], laid_out: str
) -> None:
    """Two bundles can be compared, whichever request was answered first."""
    gathering, files = bundle
    selection, pods = gathering.selection, gathering.pods
    again, second = gathering_of(gathering.cluster, laid_out, pods=pods, selection=selection)
    await gathered(again, "objects", "rollouts", "nodes", "cluster")
    kept = {
        path for path in files.files if not path.endswith((".jsonl", ".log", "events.txt", "metrics.txt"))
    }
    assert kept - {"k8sops/runs.txt"} == set(second.files)
