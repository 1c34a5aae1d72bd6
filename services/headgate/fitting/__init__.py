"""Fitting: labels become an artifact.

labelled rows -> train | development -> classifiers, thresholds, case store -> artifact
"""
