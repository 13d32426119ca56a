"""folai's nodes for ComfyUI: put this folder into ComfyUI's `custom_nodes`. See README.md."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from comfy_api.latest import ComfyExtension


async def comfy_entrypoint() -> ComfyExtension:
    """What ComfyUI calls when it loads the nodes. Raises ImportError where folai is missing."""
    if find_spec("folai") is None:
        raise ImportError("folai is missing: install it into the Python that runs ComfyUI")
    from .nodes import FolaiNodes

    return FolaiNodes()
