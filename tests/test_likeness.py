"""Bands drawn to a reference's: what changes, and what does not."""

import pytest
import torch

from folai.diffusion.likeness import colours, loudness_of, match_bands

BANDS = 24


def decaying(tilt: float, quiet_tilt: float, seed: int, num_frames: int = 300) -> torch.Tensor:
    """Hits [C, T] dB that ring out, of one colour while loud and another while quiet."""
    generator = torch.Generator().manual_seed(seed)
    below = torch.arange(num_frames) % 60  # dB under the loudest
    slope = torch.linspace(-1, 1, BANDS)[:, None]
    loud = (below < 25).float()
    shape = slope * (tilt * loud + quiet_tilt * (1 - loud))
    levels = shape + 0.5 * torch.randn(BANDS, num_frames, generator=generator)
    return levels - loudness_of(levels) - below - 20


@pytest.fixture
def made() -> torch.Tensor:
    return decaying(6.0, -6.0, 0)


@pytest.fixture
def reference() -> torch.Tensor:
    return decaying(-4.0, 9.0, 1, 240)


def test_loudness_adds_powers():
    assert loudness_of(torch.zeros(10, 3)) == pytest.approx([10.0] * 3, abs=1e-4)


def test_loud_and_quiet_moments_get_their_own_colour(made, reference):
    matched = match_bands(made, reference)
    for slice_ in (slice(0, 20), slice(35, 55)):  # dB below the loudest
        wanted = (reference - loudness_of(reference))[:, slice_].mean(1)
        before = (made - loudness_of(made))[:, slice_].mean(1)
        after = (matched - loudness_of(matched))[:, slice_].mean(1)
        assert (after - wanted).abs().mean() < 0.3 * (before - wanted).abs().mean()


def test_each_moment_keeps_its_loudness(made, reference):
    matched = match_bands(made, reference)
    assert torch.allclose(loudness_of(matched), loudness_of(made), atol=1e-3)


def test_half_the_strength_changes_less(made, reference):
    half, whole = ((match_bands(made, reference, x) - made).abs().mean() for x in (0.5, 1.0))
    assert half.item() == pytest.approx(0.5 * whole.item(), rel=0.1)
    assert match_bands(made, reference, 0.0) is made


def test_what_is_alike_stays(made):
    assert (match_bands(made, decaying(6.0, -6.0, 5)) - made).abs().mean() < 0.5


def test_a_loudness_that_is_not_in_the_reference_takes_the_nearest_colour(reference):
    loud_only = reference[:, :20]
    mean, sure = colours(loud_only)
    assert torch.isfinite(mean).all() and sure[0] > 0.5 > sure[-1]
