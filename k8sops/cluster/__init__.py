"""Access to Kubernetes clusters: credentials, transport, discovery, lists and watches, and the client over them.

Implements `core.ports.ClusterReader` and `core.ports.Cluster`. Nothing above this package knows HTTP; `connect` is
where it begins. Importing this root costs nothing.
"""
