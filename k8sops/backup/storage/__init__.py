"""Where a backup repository lies: a folder, memory, S3 and its like, Google Cloud Storage, Azure Blobs.

`location.parse_location` reads what people write, `opening.open_storage` opens it, `port.Storage` is all that the rest
of the program knows of it. Nothing is opened, and nothing of obstore imported, before that.
"""
