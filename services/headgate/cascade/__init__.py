"""Cascades: a strict YAML file is checked, planned and run.

cascade.yaml -> source (values with positions) -> load (checked spec, prompts) -> engine
"""
