"""The Markdown files of the project, and the code in them.

What the language of a fenced block says: `bash` and `python` are executed, in order, in one folder
a file; `sh` takes too long or needs other files, so its `folai` commands are parsed only, and `py`
is compiled only.
"""

import re
import shlex
from pathlib import Path

from folai.cli import main

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "examples").glob("*.md"),
        *(ROOT / "src").rglob("*.md"),
    ]
)


def blocks(text: str, *languages: str) -> list[tuple[str, str]]:
    """(language, code) of all fenced blocks in one of these languages, in order."""
    pattern = rf"^```({'|'.join(languages)})\n(.*?)^```"
    return re.findall(pattern, text, re.MULTILINE | re.DOTALL)


def commands(code: str, program: str = "folai") -> list[list[str]]:
    """The arguments of each command of a block that calls this program."""
    lines = code.replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [arguments for name, *arguments in filter(None, words) if name == program]


def execute(document: Path) -> int:
    """Run the `bash` and `python` blocks of a document here; how many there are."""
    found = blocks(document.read_text(encoding="utf-8"), "bash", "python")
    for language, code in found:
        if language == "python":
            exec(compile(code, document.name, "exec"), {"__name__": "__main__"})
            continue
        lines = [line for line in code.replace("\\\n", " ").splitlines() if line.strip()]
        assert len(commands(code)) == len(lines), f"only folai is run here: {code}"
        for arguments in commands(code):
            assert main(arguments) == 0, arguments
    return len(found)
