"""The store: one set of tables on SQLite or PostgreSQL, transactions on them, migrations, and the roles that may.

`database.open_database` is the way in. Nothing is opened, read or imported from SQLAlchemy before that.
"""
