"""Similar documents for a text's vector, from a store that proves its own files.

documents + vectors (n, dim) -> VectorStore -> search(vectors (m, dim), top_k) -> m tuples of Hit
"""
