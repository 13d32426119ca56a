"""Scenes in three dimensions: real physics and real motion, contact times exact.

What the drawn scenes of `folai.render` cannot show, since they are flat: people who walk, seen by a
camera that follows them; things that fall, roll and topple as they do; perspective and shadow.
Contacts come from the physics engine or from motion capture, so their times are known, and
loudness follows the impulse. Needs PyBullet: `pip install 'folai[scenes]'`.

    world.py       the engine, computed textures, the ground and what stands about
    walkers.py     people who walk and run, from motion capture; steps
    stairs.py      the stairs that some of them climb
    legs.py        people and animals whose gait is computed: every pace, build and footwear
    objects.py     things that are dropped, thrown, rolled, toppled
    tools.py       a stick, a hammer, a knife, a hand that strike
    hands.py       hands at a counter, mostly seen from the head above them
    untouched.py   things that move and never touch
    camera.py      where it is seen from: fixed, held, following, cutting
    film.py        frames of a scene, their light and their faults: simulate
"""

from folai.scenes.film import FAMILIES, Simulated, simulate

__all__ = ["FAMILIES", "Simulated", "simulate"]
