"""The precisions that a full-size model's weights can be held in. No PyTorch at import."""

from __future__ import annotations

DTYPES = ("float32", "bfloat16", "float16")  # names of PyTorch's


def check_dtype(dtype: str | None, allowed: tuple[str, ...] = DTYPES) -> None:
    """Raises ValueError for a name that is not allowed; None leaves the choice to the device."""
    if dtype is not None and dtype not in allowed:
        raise ValueError(f"dtype is {dtype!r}; allowed: {', '.join(allowed)}")
