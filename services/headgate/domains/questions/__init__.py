"""Questions over passages: plans of steps, retrieval that bridges them, and how right an answer is.

question  ->  Plan of Steps  ->  passages for all steps  ->  answers  ->  exact match, F1
"""
