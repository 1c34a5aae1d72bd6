"""Labelled news with recorded advice, and how each way to judge it is measured."""
