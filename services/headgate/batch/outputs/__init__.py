"""What a batch job leaves behind: shards, dead letters, a receipt, a page; and how two jobs differ.

tables of units -> shards; UnitSummary of each -> one summary -> receipt, page; two jobs -> diff
"""
