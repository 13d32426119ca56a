"""The description that package indexes show: the README without its relative links.

They lead to files of the checkout, where an index has none. Everything else is in pyproject.toml.
"""

import re
from pathlib import Path

from setuptools import setup

README = Path(__file__).with_name("README.md")


def description(readme: str) -> str:
    """Pictures of the checkout are left out; links into it keep their text. Others stay."""
    relative = r"\((?!https?:|mailto:|#)[^)\s]+\)"
    without_pictures = re.sub(rf"^!\[[^\]]*\]{relative}\n\n?", "", readme, flags=re.MULTILINE)
    return re.sub(rf"(?<!!)\[([^\]]+)\]{relative}", r"\1", without_pictures)


if __name__ == "__main__":
    setup(
        long_description=description(README.read_text(encoding="utf-8")),
        long_description_content_type="text/markdown",
    )
