"""What the chat's bot needs besides `Ops`: who a user is, the cluster as they see it, whom to tell, what was told.

The bot has credentials of its own and uses them for nobody: everything that touches a cluster is done as the person
whom the policy maps the user to, so that the API server decides what they may, and its audit log says who it was.
"""
