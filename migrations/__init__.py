"""The histories of both schemas. `python -m migrations` makes databases and brings them to the newest schema."""
