"""The parts of `guarantee.py`: sets of known truth, rules, and how often each rule is wrong."""
