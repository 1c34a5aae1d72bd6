"""A corpus index is built from files, and kept up to date with them.

InputSpec -> build | add -> DIRECTORY with passages, vectors, terms and a manifest;  delete, status
"""

from headgate.batch.corpus.building import Limits, add, build, delete
from headgate.batch.corpus.encoders import EncoderChoice
from headgate.batch.corpus.reading import MAX_LINE_BYTES
from headgate.batch.corpus.status import IndexStatus, status
from headgate.batch.corpus.tally import BuildProgress, Change, Report

__all__ = [
    "MAX_LINE_BYTES",
    "BuildProgress",
    "Change",
    "EncoderChoice",
    "IndexStatus",
    "Limits",
    "Report",
    "add",
    "build",
    "delete",
    "status",
]
