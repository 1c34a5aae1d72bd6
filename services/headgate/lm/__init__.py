"""The large models behind one narrow seam: (questions, deadline) -> completions or errors."""
