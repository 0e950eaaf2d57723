"""A repository as it is used: made, opened, read, written to and verified, on any storage.

Here the formats (`k8sops.backup`) meet the places they lie in (`k8sops.backup.storage`), in the order of FORMAT.md.
Nothing of Kubernetes and nothing of configuration: keys, trusted signers and what was seen before are arguments.
"""
