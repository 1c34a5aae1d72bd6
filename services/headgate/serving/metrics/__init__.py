"""Metrics of a gateway for Prometheus, from a registry of our own.

results, calls -> counts;  guarantee, audits, budget of each cascade, read when they are asked for
               -> text of the exposition format on one port

Labels are from closed sets: cascades, stages, states, codes. Never an id, a record or a caller.
"""

from headgate.serving.metrics.collector import HostCollector
from headgate.serving.metrics.server import serve_metrics

__all__ = ["HostCollector", "serve_metrics"]
