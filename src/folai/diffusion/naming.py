"""Built-in sounds and prompts, each expressed by the other. No PyTorch."""

from __future__ import annotations

import warnings

from folai.diffusion.vocabulary import find_words
from folai.preview.materials import DEFAULT_SOUND, MATERIALS

# The built-in sound that is nearest to a word of a prompt, where it is not called the same.
NEAREST = {
    "stone": "rock",
    "plastic bag": "plastic_bag",
    "floor": "wood",
    "concrete": "rock",
    "mud": "dirt",
    "sand": "gravel",
    "snow": "gravel",
    "leather": "cloth",
    "flesh": "cloth",
    "bell": "metal",
    "cymbal": "metal",
    "chain": "metal",
    "coin": "metal",
    "blade": "metal",
    "ice": "glass",
    "plate": "ceramic",
    "door": "wood",
    "splash": "water",
    "drip": "water",
}


def prompt_of_sound(sound: str) -> str:
    """The prompt for a built-in sound: "metal" -> "hit metal"."""
    return sound if sound == "footstep" else f"hit {sound.replace('_', ' ')}"


def sound_of_prompt(prompt: str | None) -> str:
    """The built-in sound nearest to a prompt: the first that it names, or the default one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            words = find_words(prompt) if prompt else ()
        except ValueError:
            words = ()
    names = (NEAREST.get(word, word.replace(" ", "_")) for word in words)
    return next((name for name in names if name in MATERIALS), DEFAULT_SOUND)


def prompt_or_default(prompt: str | None, reference: object, sound: str | None) -> str | None:
    """The prompt; where there is neither prompt nor reference, that of the built-in sound."""
    if prompt is not None or reference is not None:
        return prompt
    return prompt_of_sound(sound or DEFAULT_SOUND)
