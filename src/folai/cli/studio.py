"""What `folai studio` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from folai.cli.model_arguments import add_command

LOCAL = "127.0.0.1"
PORT = 8765


def add_studio(commands: Any) -> None:
    command = add_command(
        commands,
        "studio",
        "Open a page in the browser: see the envelope over the picture, bend it, and hear it.",
        "folai studio clip.mp4",
    )
    command.add_argument("video", type=Path, nargs="?", metavar="VIDEO", help="a clip to open")
    command.add_argument(
        "--projects",
        type=Path,
        metavar="DIR",
        default=Path.home() / "folai-projects",
        help="folder of the projects, one folder each (default: folai-projects in your home)",
    )
    command.add_argument(
        "--port", type=int, metavar="N", default=PORT, help="default: %(default)s, or a free one"
    )
    command.add_argument(
        "--host",
        metavar="ADDRESS",
        default=LOCAL,
        help="let others on the network in, such as 0.0.0.0; needs --password. Without encryption: "
        "only on a network that you trust",
    )
    command.add_argument(
        "--password",
        metavar="WORD",
        nargs="?",
        const="",
        help="what others have to know; asked for if left out after --password",
    )
    command.add_argument("--no-browser", action="store_true", help="only print the link")
