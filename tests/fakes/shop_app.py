"""Somebody else's application on the same cluster."""

from ray import serve


class Shop:
    """Does nothing."""


def build(args):
    """Return the application."""
    del args
    return serve.deployment(Shop, name="Shop").bind()
