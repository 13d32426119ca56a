"""`folai studio`: the page in the browser."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from folai.cli.output import report
from folai.cli.parsing import Commands, add_command
from folai.studio.address import LOCAL, PORT


def add_to(commands: Commands) -> None:
    command = add_command(
        commands,
        "studio",
        "Open a page in the browser: see the envelope over the picture, bend it, and hear it.",
        "folai studio clip.mp4",
        run,
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


def run(parsed: Namespace) -> None:
    try:
        from folai.studio.server import check_host, serve
        from folai.studio.studio import Studio
    except ImportError as error:
        name = (error.name or "a package").split(".")[0]
        raise ImportError(f"{name} is missing: pip install 'folai[studio]'") from error
    password = parsed.password
    if password == "":
        from getpass import getpass

        password = getpass("Password of the studio: ")
    check_host(parsed.host, password)
    studio = Studio(parsed.projects)
    try:
        if parsed.video is not None:
            studio.open_file(parsed.video)
        serve(
            studio,
            host=parsed.host,
            port=parsed.port,
            password=password,
            ready=lambda link: _show_link(parsed, link),
        )
    finally:
        studio.close()


def _show_link(parsed: Namespace, link: str) -> None:
    report(parsed, f"folai studio: {link}  (ends with Ctrl-C)", link=link)
    sys.stdout.flush()
    if not parsed.no_browser:
        import webbrowser

        webbrowser.open(link)
