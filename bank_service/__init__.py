"""One bank: its accounts, its double-entry ledger, its customers' credentials, in a database of its own."""
