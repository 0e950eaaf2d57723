"""`k8sops rbac`: the least roles that running actions takes, as YAML to read and to apply."""

from __future__ import annotations

from typing import Any

import click

from k8sops.cli.settings import output_option, take_config


@click.command(
    "rbac",
    params=[
        click.Argument(["actions"], metavar="[ACTION]...", nargs=-1),
        click.Option(
            ["-n", "--namespace", "namespaces"],
            multiple=True,
            metavar="NAME",
            help="Only in this namespace; repeatable. Otherwise the whole cluster.",
        ),
        click.Option(
            ["--kind", "kinds"],
            multiple=True,
            metavar="KIND",
            help="A kind that is changed, as in deployments.apps; repeatable.  "
            "[default: deployments, statefulsets and replicasets]",
        ),
        click.Option(
            ["--subject", "subjects"],
            multiple=True,
            metavar="KIND:NAME",
            help="Bind it too: User:alice, Group:ops or ServiceAccount:NAMESPACE/NAME; repeatable.",
        ),
        click.Option(["--name"], default="k8sops", show_default=True, metavar="NAME", help="Of the roles."),
        click.Option(
            ["--worker"], is_flag=True, help="For a worker that carries runs as those whom the policy names."
        ),
        output_option("yaml", "json"),
    ],
)
def rbac_command(**values: Any) -> int:
    r"""Print the least Kubernetes roles that actions need; without ACTION, all actions.

    Nothing is applied. `*` is printed only where `backup` or `restore` is named, which mean every kind, Secrets too;
    --kind says which instead. Reading namespace kube-system's uid is part of it: by that a cluster is known.

    \b
    Examples:
      k8sops rbac scale -n shop --subject User:alice | kubectl apply -f -
      k8sops rbac cordon uncordon --subject Group:ops
      k8sops rbac --worker --subject ServiceAccount:k8sops/worker
    """
    from k8sops.cli.console import put_json
    from k8sops.service.policies import policy_of
    from k8sops.service.rbac import Wanted, as_yaml, manifests

    output = values.pop("output")
    # Its -n is a list of its own; what the configuration says of a namespace is not meant.
    wanted = Wanted(**values)
    found = manifests(wanted, policy_of(take_config({})))
    if output == "json":
        put_json({"apiVersion": "v1", "kind": "List", "items": list(found)})
    else:
        click.echo(as_yaml(found), nl=False)
    return 0
