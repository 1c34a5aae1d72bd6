"""The templates of log lines, by our own implementation of Drain behind a columnar front.

content (lines,)  ->  words.py, masks.py, shapes.py: codes (lines,), shapes (shapes,)
shapes of all units  ->  tokens.py, tree.py, kinds.py, mining.py  ->  table.py: Templates

A line is read once, in columns; only different shapes, a few thousand in millions of lines, are
looked at one by one.
"""

from headgate.domains.log_templates.shapes import shape_block
from headgate.domains.log_templates.table import NO_TEMPLATE, Template, Templates, mine

__all__ = ["NO_TEMPLATE", "Template", "Templates", "mine", "shape_block"]
