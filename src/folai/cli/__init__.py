"""The command line: one file a command. PyTorch is loaded only once there is work for it."""

from folai.cli.main import main

__all__ = ["main"]
