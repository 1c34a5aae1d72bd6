"""Small models: encoders that turn texts into vectors, and heads that turn vectors into answers.

texts -> encoder -> (n, dim) float32 -> head -> (n, labels) probabilities
"""
