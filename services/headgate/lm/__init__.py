"""The large models behind one narrow seam: (requests, deadline) -> completions or errors."""
