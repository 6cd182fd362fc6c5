"""The history of a bank's database."""
