"""Draws clips whose contact times are known exactly: the demo, the tests, training material.

`random_scene(seed)` describes a scene, `render_frames` films it, `write_clip` stores the film.
Sound comes from contact alone: scenes are full of things that move and do not touch.

    paint.py       textures, sprites, a canvas in picture units
    motion.py      paths with exact contacts, and how a contact sounds
    actors.py      hands and tools, balls, legs
    props.py       what is struck, what it sheds, distractors
    scene.py       Scene: draw(time), envelope(frame_rate), onsets
    stage.py       materials, backdrop, camera, light round an action
    tools.py, bodies.py, people.py, flashes.py  the actions
    repertoire.py  one of them at random: random_scene
    showcase.py    demo_scene
    film.py        render_frames, write_clip
"""

from folai.render.film import render_frames, write_clip
from folai.render.motion import Contact
from folai.render.repertoire import KINDS, random_scene
from folai.render.scene import Scene
from folai.render.showcase import demo_scene

__all__ = [
    "KINDS",
    "Contact",
    "Scene",
    "demo_scene",
    "random_scene",
    "render_frames",
    "write_clip",
]
