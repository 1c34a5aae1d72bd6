"""Stages: what a cascade's flow is made of, one file a kind, all with the same contract.

Batch (records and the columns so far) -> stage -> one cell a record, in order
"""
