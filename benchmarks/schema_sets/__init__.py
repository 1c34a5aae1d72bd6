"""The parts of `schema_quality.py`: tables of known truth, cascades fitted on them, and peers."""
