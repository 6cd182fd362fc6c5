"""Proves the books of a network from its database files: no server, no network, the standard library alone.

It imports nothing of the programs that wrote the files. Every rule and hash is written here a second time, from its
description, so that one mistake cannot hide in both. An hour is enough to read it, in this order:

    files, schema             what is opened, and how nothing is changed by it
    hashes, chain, records    identities of orders; the chain through everything a bank did
    ledger, outcomes, accounts, journal    the rules inside one file (verify puts them together)
    cases, judgement, matching, witnesses  the rules between files (reconcile puts them together)
    commands, trail, positions             the questions that can be asked; text, picture, report: the answers
"""
