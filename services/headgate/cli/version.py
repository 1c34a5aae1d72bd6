"""`headgate version`: which versions take part."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

from headgate import __version__
from headgate.cli.options import OutputFormat
from headgate.cli.output import Output, emit, emit_json, table

_LIBRARIES = (
    "ray",
    "torch",
    "openvino",
    "nncf",
    "sentence-transformers",
    "transformers",
    "faiss-cpu",
    "numpy",
    "scikit-learn",
    "grpcio",
    "protobuf",
    "pydantic",
    "openai",
)


def version(*, output: OutputFormat = Output.TABLE) -> None:
    """Show the versions of Headgate, Python and the libraries that shape answers."""
    found = {"headgate": __version__, "python": platform.python_version()}
    found.update({name: _version_of(name) for name in _LIBRARIES})
    if output is Output.JSON:
        emit_json(found, indent=2)
    else:
        emit(table(["what", "version"], list(found.items())))


def _version_of(library: str) -> str:
    try:
        return installed_version(library)
    except PackageNotFoundError:
        return "not installed"
