"""Messages in, operations called, messages out; one file per service of protos/v1."""
