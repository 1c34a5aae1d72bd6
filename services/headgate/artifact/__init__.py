"""The fitted directory: every file in it is named, sized and hashed in one manifest.

write: files -> ArtifactWriter -> DIRECTORY/{manifest.json, files}, whole or not at all
read:  location -> Artifact.open -> every hash checked -> path(name), read_json(name), fact(name)

The hashes find damage and mix-ups. They do not stop somebody who may write the directory and
its manifest, so only those who fit should be able to write it.
"""

from headgate.artifact.manifest import JSON, sha256_of
from headgate.artifact.reader import Artifact
from headgate.artifact.writer import ArtifactWriter

__all__ = ["JSON", "Artifact", "ArtifactWriter", "sha256_of"]
