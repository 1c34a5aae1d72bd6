"""What each domain's records are: their fields, answer sets, texts and metrics.

Record -> texts a small model reads -> logits -> Prediction
"""
