"""Words people type, turned into an action's Params: one reading for the command line and the chat.

Only the words: what is done with them, where they are typed and how a refusal is shown is each door's own.
"""
