"""The people of the workspace: what they do, and what each of them sees."""
