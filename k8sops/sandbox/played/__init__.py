"""What a cloud would add to a cluster, played: usage metrics (metrics.k8s.io) and the volumes of a CSI driver.

One process of every sandbox, `python -m k8sops.sandbox.played`. Values are made up and volumes hold nothing; the
objects, their order and their conditions are those of a real cluster. docs/sandbox-played.md lists what differs.
"""
