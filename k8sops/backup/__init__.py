"""The backup repository: what its files hold and are called, and the storages they lie in (contract: FORMAT.md).

The modules here are pure: bytes in, bytes out, no input or output, nothing of Kubernetes. `storage` alone touches a
disk or a network. What takes long (sealing, zstd over MiBs, age with a passphrase) the caller puts in a thread.
"""
