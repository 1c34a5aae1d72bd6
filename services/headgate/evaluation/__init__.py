"""Evaluation: how good a cascade is beside its tiers alone, and what it costs.

labelled rows -> small alone, large alone, cascade -> figures
"""
