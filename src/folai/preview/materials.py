"""What the built-in sounds are made of: a recipe of modes, noise and particles per material.

The sound itself is computed in `folai.preview.impacts`, where the physics and its sources stand.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Modes:
    """How a body of this material rings: mixed at `share` of the strike's amplitude."""

    share: float
    shape: str
    pitch: tuple[float, float]  # Hz, lowest mode of the largest and of the smallest object
    loss: float  # tan(phi), dimensionless
    support: float  # nepers/s lost to the hand, the floor and the air, at every frequency


@dataclass(frozen=True)
class Burst:
    """Decaying noise: `band` in Hz, `decay` is its 1/e time and `attack` its rise, seconds."""

    share: float
    band: tuple[float, float]
    decay: float
    attack: float = 0.0005


@dataclass(frozen=True)
class Particles:
    """`count` small collisions within about `spread` seconds, pitches in `band` Hz.

    Each rings for about `quality` / pi cycles; `rise` is the pitch slope of a bubble nearing the
    surface, in units of its own damping (van den Doel 2005 calls it xi and takes 0.1).
    """

    share: float
    count: int
    spread: float
    band: tuple[float, float]
    quality: float
    rise: float = 0.0


@dataclass(frozen=True)
class Material:
    """A recipe. `contact` is the length of the hardest and softest blow, seconds; `roll` the delay
    of a second contact (a foot's ball after its heel), seconds."""

    contact: tuple[float, float]
    modes: Modes | None = None
    burst: Burst | None = None
    particles: Particles | None = None
    roll: tuple[float, float] | None = None


# Pitches, losses and decays follow the cited papers and were then set against recordings of each
# material, by spectral centroid and by the time in which the level falls by 20 dB.
RECIPES: dict[str, Material] = {
    "wood": Material(
        (0.0004, 0.003), Modes(1.0, "plate", (170, 520), 0.035, 25), Burst(0.35, (250, 3500), 0.010)
    ),
    "metal": Material(
        (0.0001, 0.001),
        Modes(1.0, "plate", (250, 1600), 0.001, 3.5),
        Burst(0.25, (1500, 9000), 0.006),
    ),
    "glass": Material(
        (0.00005, 0.0003),
        Modes(1.0, "bowl", (1200, 3200), 0.0022, 6),
        Burst(0.3, (3000, 12000), 0.004),
    ),
    "plastic": Material(
        (0.0006, 0.003),
        Modes(1.0, "plate", (280, 1300), 0.075, 50),
        Burst(0.35, (350, 2500), 0.008),
    ),
    "gravel": Material(
        (0.001, 0.003),
        Modes(0.25, "plate", (90, 180), 0.25, 60),
        Burst(0.35, (600, 6000), 0.022),
        Particles(1.0, 90, 0.045, (1200, 7000), 14),
    ),
    "cloth": Material(
        (0.004, 0.010),
        Modes(0.5, "membrane", (70, 150), 0.25, 55),
        Burst(1.0, (150, 1600), 0.030, attack=0.003),
    ),
    "water": Material(
        (0.003, 0.008),
        Modes(0.3, "membrane", (110, 240), 0.15, 40),
        Burst(0.45, (500, 5000), 0.045, attack=0.002),
        Particles(1.0, 24, 0.080, (450, 4500), 30, rise=0.1),
    ),
    "footstep": Material(
        (0.002, 0.006),
        Modes(0.9, "plate", (65, 130), 0.12, 45),
        Burst(0.7, (180, 3200), 0.016, attack=0.001),
        roll=(0.06, 0.12),
    ),
    "ceramic": Material(
        (0.00015, 0.0008),
        Modes(1.0, "bowl", (750, 2200), 0.006, 12),
        Burst(0.3, (1500, 8000), 0.005),
    ),
    "tile": Material(
        (0.0002, 0.0012),
        Modes(1.0, "plate", (550, 1300), 0.022, 45),
        Burst(0.4, (900, 6000), 0.006),
    ),
    "rock": Material(
        (0.0002, 0.0012),
        Modes(1.0, "plate", (600, 1500), 0.045, 90),
        Burst(0.7, (500, 6000), 0.010),
    ),
    "drum": Material(
        (0.0015, 0.006), Modes(1.0, "membrane", (80, 260), 0.03, 9), Burst(0.2, (300, 3000), 0.008)
    ),
    "cardboard": Material(
        (0.002, 0.006), Modes(1.0, "plate", (90, 220), 0.11, 45), Burst(0.5, (200, 2200), 0.014)
    ),
    "paper": Material(
        (0.001, 0.003),
        burst=Burst(0.8, (500, 6000), 0.030, attack=0.002),
        particles=Particles(0.7, 60, 0.045, (1500, 8000), 5),
    ),
    "plastic_bag": Material(
        (0.001, 0.003),
        burst=Burst(0.4, (1500, 9000), 0.040, attack=0.003),
        particles=Particles(1.0, 110, 0.060, (2000, 9000), 5),
    ),
    "leaf": Material(
        (0.001, 0.004),
        burst=Burst(0.8, (700, 7000), 0.045, attack=0.003),
        particles=Particles(0.7, 120, 0.070, (1500, 9000), 4),
    ),
    "grass": Material(
        (0.002, 0.006),
        burst=Burst(1.0, (500, 6000), 0.050, attack=0.006),
        particles=Particles(0.3, 60, 0.060, (1500, 7000), 4),
    ),
    "dirt": Material(
        (0.003, 0.008),
        Modes(0.8, "membrane", (80, 170), 0.2, 60),
        Burst(0.8, (150, 1800), 0.022, attack=0.001),
        Particles(0.25, 50, 0.040, (700, 4000), 5),
    ),
    "carpet": Material(
        (0.004, 0.010),
        Modes(0.9, "plate", (75, 160), 0.15, 55),
        Burst(0.7, (120, 1200), 0.020, attack=0.002),
    ),
}

MATERIALS: tuple[str, ...] = tuple(RECIPES)
DEFAULT_SOUND = "wood"
