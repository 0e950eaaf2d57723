"""A Slack on loopback that refuses what Slack refuses: for tests, for the demo, and for looking at a card.

It keeps its state in memory and knows nothing of k8sops: whatever speaks to Slack's own address can speak to it.
"""

from k8sops_local_slack.board import Message
from k8sops_local_slack.delivery.outbox import Delivery
from k8sops_local_slack.people.form import Incomplete
from k8sops_local_slack.people.person import Person
from k8sops_local_slack.refusals import NotVisible
from k8sops_local_slack.server import LocalSlack
from k8sops_local_slack.timing import PlayedTime, RealTime
from k8sops_local_slack.workspace import Workspace, app_from_manifest, usual_app
from k8sops_local_slack.world import Patience

__all__ = [
    "Delivery",
    "Incomplete",
    "LocalSlack",
    "Message",
    "NotVisible",
    "Patience",
    "Person",
    "PlayedTime",
    "RealTime",
    "Workspace",
    "app_from_manifest",
    "usual_app",
]
