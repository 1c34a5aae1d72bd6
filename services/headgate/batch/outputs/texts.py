"""The texts of a job's templates, for pages and tables.

`templates.json`  ->  text by id
"""

from __future__ import annotations

from pathlib import Path

from headgate.domains.log_templates import Templates

TEMPLATES = "templates.json"


def template_texts(directory: Path) -> dict[str, str]:
    """Return the text of each template of a job by its id; none when it has no templates.

    Raises:
        InputError: The file of templates is damaged.
    """
    path = directory / TEMPLATES
    if not path.is_file():
        return {}
    return {template.id: template.text for template in Templates.load(path)}
