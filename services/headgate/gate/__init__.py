"""The gate: which of the small model's answers are returned.

predictions (n) -> scores (n,) -> threshold -> kept (n,) bool
"""
