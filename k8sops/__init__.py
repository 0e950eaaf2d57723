"""k8sops: the operations desk for Kubernetes.

Every change is an action that is planned before it is applied. This package root holds the version and nothing
else, so that importing any part of the program costs only that part.
"""

__version__ = "0.1.0"
