"""A CPU that only imitates bfloat16 is not asked for it."""

import re
from pathlib import Path

import pytest
import torch

from folai.models import bfloat16

CPU, GPU = torch.device("cpu"), torch.device("cuda")
SOURCES = Path(bfloat16.__file__).parents[1]


@pytest.mark.parametrize("has", [True, False])
def test_products_are_in_bfloat16_where_that_pays(monkeypatch, has):
    monkeypatch.setattr(bfloat16, "_cpu_has_instructions", lambda: has)
    a = torch.ones(2, 2)
    with bfloat16.mixed(CPU):
        assert (a @ a).dtype == (torch.bfloat16 if has else torch.float32)
    with bfloat16.mixed(CPU, wanted=False):
        assert (a @ a).dtype == torch.float32
    assert bfloat16.is_fast(GPU)


def test_who_asks_for_it_all_the_same_is_told(monkeypatch, recwarn):
    monkeypatch.setattr(bfloat16, "_cpu_has_instructions", lambda: False)
    for dtype, device in [(torch.float32, CPU), (torch.bfloat16, GPU)]:
        bfloat16.warn_if_slow(dtype, device)
    assert not recwarn.list
    with pytest.warns(UserWarning, match="no instructions for bfloat16"):
        bfloat16.warn_if_slow(torch.bfloat16, CPU)


def test_no_training_chooses_it_by_itself():
    """Those at full size, whose precision is an option, excepted."""
    own = re.compile(r"torch\.autocast\([^)]*bfloat16")
    found = {p.name for p in SOURCES.rglob("*.py") if own.search(p.read_text())}
    assert found == {"bfloat16.py", "full_size_control.py", "stable3_control.py"}
