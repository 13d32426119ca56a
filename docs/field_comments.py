"""For the reference: what stands beside a field of a dataclass becomes the field's description.

An extension of Griffe, which reads the sources for mkdocstrings. Fields are described in a comment
on their line; those of an engine's options in the third argument of `folai.options.option`.
"""

from __future__ import annotations

import ast
from typing import Any

from griffe import Attribute, Docstring, Extension


class FieldComments(Extension):
    def on_attribute(self, *, attr: Attribute, **_: Any) -> None:
        """Called once for each attribute."""
        if attr.docstring is None and attr.parent is not None and attr.parent.is_class:
            if description := described(attr.source):
                attr.docstring = Docstring(description, parent=attr)


def described(source: str) -> str:
    """What a field's lines say of it, or nothing."""
    try:
        value = getattr(ast.parse(source.strip()).body[0], "value", None)
    except (SyntaxError, IndexError):
        return ""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "option":
        return str(ast.literal_eval(value.args[2]))
    return source.partition("  # ")[2].split("\n")[0].strip()
