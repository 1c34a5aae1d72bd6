"""Serving: cascades behind one gRPC port, on Ray Serve.

bytes -> gateway (limits, deadline) -> engine -> encoders, large models -> bytes
"""
