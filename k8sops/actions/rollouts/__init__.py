"""Rollouts of Deployments, StatefulSets and DaemonSets: restart, roll back, set an image, pause, resume, status."""
