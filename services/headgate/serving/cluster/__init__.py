"""Cascades on a Ray cluster: what runs there, and how it gets there.

cascade files -> one body for the Serve REST API -> checked, merged, put, waited for | put back
"""
