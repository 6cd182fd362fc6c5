"""Defects planted on purpose: a lab that does not find these proves nothing by finding none."""
