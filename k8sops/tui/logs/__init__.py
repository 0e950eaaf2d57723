"""The screen of logs: one container, a pod, or all the pods of a workload, followed or read back."""
