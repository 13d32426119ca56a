"""The command line: one file a command, its parser beside its action.

PyTorch is loaded only once there is work for it.
"""

from folai.cli.app import main, make_parser

__all__ = ["main", "make_parser"]
