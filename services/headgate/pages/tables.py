"""Tables that scroll sideways in a narrow page.

headings, rows of HTML cells  ->  <table> with a caption and headings for columns and rows
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    highlighted: Sequence[bool] = (),
    *,
    text_columns: Sequence[int] = (),
) -> str:
    """Return a table; the first cell of a row is its heading.

    Args:
        caption: Any text, for people who do not see the page.
        columns: Any texts, one a column.
        rows: Cells that are HTML: their texts are escaped already.
        highlighted: One a row, or none at all.
        text_columns: Indices of the columns that hold text, which stands at the left.
    """
    marks = highlighted or [False] * len(rows)
    kinds = [' class="text"' if place in text_columns else "" for place in range(len(columns))]
    head = "".join(
        f'<th scope="col"{kind}>{escape(column)}</th>'
        for column, kind in zip(columns, kinds, strict=True)
    )
    body = "".join(_row(cells, kinds, mark) for cells, mark in zip(rows, marks, strict=True))
    name = escape(caption)
    return (
        f'<div class="scroll" role="region" aria-label="{name}" tabindex="0"><table>'
        f"<caption>{name}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(cells: Sequence[str], kinds: Sequence[str], mark: bool) -> str:
    values = "".join(
        f"<td{kind}>{cell}</td>" for cell, kind in zip(cells[1:], kinds[1:], strict=True)
    )
    return f'<tr{" class=here" if mark else ""}><th scope="row">{cells[0]}</th>{values}</tr>'
