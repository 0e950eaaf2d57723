"""A Slack on loopback that refuses what Slack refuses: for tests, for the demo, and for looking at a card.

It keeps its state in memory and knows nothing of k8sops: whatever speaks to Slack's own address can speak to it.
"""
