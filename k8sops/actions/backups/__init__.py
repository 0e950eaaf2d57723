"""Actions on backups: make one, restore one, and look after the repository they lie in.

Kubernetes is read and written through core's ports, the repository through `k8sops.backup`; which repository, with
which keys, comes from the configuration through `ports.Repositories`.
"""
