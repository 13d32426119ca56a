"""The precisions that a full-size model's weights can be held in. No PyTorch at import."""

from __future__ import annotations

DTYPES = ("float32", "bfloat16", "float16")  # names of PyTorch's


def check_dtype(dtype: str | None) -> None:
    """Raises ValueError for a name that is none of DTYPES; None leaves the choice to the device."""
    if dtype is not None and dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; allowed: {', '.join(DTYPES)}")
