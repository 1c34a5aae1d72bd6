"""The question-answering benchmark: recorded questions, retrieval, gates and speed."""
