"""The audit trail's form: record bytes, chain, checkpoints, exports and their verification. No SQL, no engine.

The store keeps the bytes, the engine says what happened; this package says what a record is and whether a chain holds.
"""
