"""A corpus the user brings: passages found by vectors and words, from files that prove themselves.

segments (texts, vectors, terms) + generation (what can be found, BM25, FAISS) + manifest, on disk
DIRECTORY -> CorpusIndex.open -> search(texts (m), vectors (m, dim), top_k) -> m tuples of Found
"""

from headgate.retrieval.corpus.index import CorpusIndex
from headgate.retrieval.corpus.passage import Found, Passage

__all__ = ["CorpusIndex", "Found", "Passage"]
