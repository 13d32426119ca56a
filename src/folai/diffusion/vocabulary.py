"""The words a prompt may use: what is done, to what, on what. No PyTorch.

A word stands for an embedding of the model; its synonyms, plurals and other forms for the same.
"""

from __future__ import annotations

import difflib
import re
import warnings

WORDS: dict[str, dict[str, tuple[str, ...]]] = {  # kind: word: synonyms
    "actions": {
        "hit": (
            *("impact", "strike", "struck", "knock", "beat", "bang", "tap", "thud", "blow"),
            *("stick", "drumstick", "wooden stick", "drum stick"),
        ),
        "scratch": ("scrape", "drag", "rub", "scraping", "friction", "grind"),
        "footstep": ("step", "walk", "walking", "run", "running", "foot", "feet", "stomp", "tread"),
        "break": ("shatter", "smash", "crack", "broken", "snap", "crash", "collapse"),
        "cut": ("chop", "slice", "chopping", "cutting"),
        "drop": ("fall", "hammerdrop", "dropped", "land"),
        "shake": ("rattle", "jingle", "jangle"),
        "sweep": ("broom", "sweeping", "brush"),
        "whoosh": ("swing", "swish", "swoosh", "arrow", "wing", "flap"),
        "splash": ("plunge", "swim", "splat", "splashing"),
        "drip": ("drop of water", "droplet", "dripping"),
        "flow": ("pour", "stream", "pouring", "river", "tap water", "flowing"),
        "rain": ("rainfall", "raindrop"),
        "wave": ("surf", "sea", "ocean"),
        "sizzle": ("fry", "frying", "hiss"),
        "crackle": ("fire", "flame", "burn", "burning", "campfire"),
        "gas": ("burner", "stove"),
        "ignite": ("light a match", "match", "lighter"),
        "click": ("clicking", "switch", "button", "ui"),
        "tick": ("clock", "ticking"),
        "type": ("typing", "keyboard", "keystroke", "key"),
        "write": ("pen", "pencil", "scribble"),
        "saw": ("sawing",),
        "hammer": ("hammering", "nail"),
        "roll": ("rolling",),
        "clap": ("applause", "clapping"),
        "slap": ("smack",),
        "eat": ("chew", "bite", "crunch"),
        "squeak": ("creak", "creaking"),
        "wash": ("washing", "rinse", "scrub"),
        "pop": ("burst",),
    },
    "materials": {
        "wood": ("wooden", "timber", "plank", "log"),
        "metal": ("iron", "steel", "tin", "metallic", "aluminium", "copper"),
        "glass": ("bottle", "pane"),
        "ceramic": ("porcelain", "pottery", "clay", "cup", "mug"),
        "stone": ("rock", "boulder", "rocks", "brick"),
        "plastic": ("polymer",),
        "plastic bag": ("bag",),
        "cardboard": ("carton", "cardboard box"),
        "paper": ("page", "book", "card", "newspaper", "crumple", "crinkle"),
        "cloth": ("fabric", "textile", "clothes", "shirt", "curtain", "zip", "pillow", "cushion"),
        "leather": ("boot leather",),
        "leaf": ("leaves", "foliage", "bush", "leafy", "plant", "hedge", "rustle"),
        "water": ("wet", "liquid", "puddle", "pool"),
        "flesh": ("body", "meat", "punch", "fist", "hand", "finger"),
        "bone": ("skull",),
        "food": ("vegetable", "bread"),
        "chain": ("chains",),
        "coin": ("money",),
        "bell": ("chime",),
        "cymbal": ("gong",),
        "drum": ("membrane", "skin drum", "bongo"),
        "blade": ("sword", "knife", "knives"),
        "shell": ("cartridge", "casing"),
        "ice": ("icy", "frozen"),
    },
    "surfaces": {
        "floor": ("ground", "parquet"),
        "carpet": ("rug", "mat"),
        "concrete": ("asphalt", "pavement", "cement", "street"),
        "tile": ("tiles", "tiled"),
        "gravel": ("pebble", "shingle", "scree"),
        "dirt": ("soil", "earth", "earthen"),
        "mud": ("muddy",),
        "sand": ("sandy", "beach"),
        "snow": ("snowy",),
        "grass": ("lawn", "meadow", "grassy"),
    },
    "things": {
        "door": ("gate", "window", "chest"),
        "drawer": ("drawers",),
        "cupboard": ("cabinet",),
        "fridge": ("refrigerator",),
        "chair": ("stool", "furniture"),
        "plate": ("dish", "dishes", "bowl", "rack", "crockery"),
        "cutlery": ("spoon", "fork", "silverware"),
        "scissors": ("shears",),
        "tool": ("screwdriver", "wrench"),
        "machine": ("engine", "motor", "mech", "mechanism", "gear"),
        "fan": ("ventilator",),
        "vacuum": ("hoover",),
        "chainsaw": ("chain saw",),
        "vehicle": ("car", "cart", "bicycle", "truck", "wagon"),
        "gun": ("rifle", "pistol", "weapon"),
        "dice": ("die", "chip", "chips"),
        "vinyl": ("record",),
        "barefoot": ("bare foot", "bare feet"),
        "heel": ("high heel",),
        "hoof": ("horse", "hooves"),
    },
}

ALL: tuple[str, ...] = tuple(word for words in WORDS.values() for word in words)
MAX_WORDS = 6  # of one prompt that the model sees

# Words that say nothing about a sound, and those of file names that say too little.
_SILENT = frozenset(
    "a an and are as at be being by for from in into is it its of off on onto or over person "
    "some somebody someone sound sounds the their them then there to under up with while his her "
    "man woman people very slowly quickly fast slow loud loudly quiet soft softly hard small big "
    "large old generic noise foley".split()
)


def find_words(prompt: str, option: str = "prompt") -> tuple[str, ...]:
    """The words of ALL that a prompt names, in its order, each once, MAX_WORDS at most.

    Warns of words that are not known. Raises ValueError where none is.
    """
    found, unknown = _read(prompt)
    if not found:
        known = "; ".join(f"{kind}: {', '.join(words)}" for kind, words in WORDS.items())
        raise ValueError(f"{option} {prompt!r} has no word that the model knows; use {known}")
    for word in unknown:
        near = difflib.get_close_matches(word, _FORMS, n=6, cutoff=0.4)
        nearest = list(dict.fromkeys(_FORMS[form] for form in near))[:3]
        hint = f"nearest: {', '.join(nearest)}" if nearest else f"it knows {', '.join(ALL)}"
        warnings.warn(f"{option}: {word!r} is not known to the model; {hint}", stacklevel=2)
    if len(found) > MAX_WORDS:
        left = ", ".join(found[MAX_WORDS:])
        warnings.warn(f"{option}: at most {MAX_WORDS} words count; not {left}", stacklevel=2)
    return found[:MAX_WORDS]


def words_of_label(label: str) -> tuple[str, ...]:
    """Those of a recording's label such as `footstep/wood_heel`; none where nothing is known."""
    return _read(re.sub(r"[/_-]", " ", label))[0][:MAX_WORDS]


def numbers_of(words: tuple[str, ...], order: tuple[str, ...] = ALL) -> list[int]:
    """Their places in a model's vocabulary, from 1, filled up with 0 to MAX_WORDS."""
    numbers = [order.index(word) + 1 for word in words if word in order]
    return numbers + [0] * (MAX_WORDS - len(numbers))


def _read(text: str) -> tuple[tuple[str, ...], list[str]]:
    """(known words, unknown ones) of a text: the longest of several words counts."""
    tokens = re.findall(r"[^\W\d_]+", text.lower())
    found: list[str] = []
    unknown: list[str] = []
    place = 0
    while place < len(tokens):
        for count in (3, 2, 1):
            word = _look_up(" ".join(tokens[place : place + count]))
            if word is not None and place + count <= len(tokens):
                found.append(word)
                break
        else:
            count = 1
            if tokens[place] not in _SILENT:
                unknown.append(tokens[place])
        place += count
    return tuple(dict.fromkeys(found)), list(dict.fromkeys(unknown))


def _look_up(text: str) -> str | None:
    """The word that a text stands for, also in another form: hits, hitting, walked."""
    if text in _FORMS:
        return _FORMS[text]
    for ending in ("s", "es", "ing", "ed", "d", "ping", "ting", "ped", "ies"):
        stem = text.removesuffix(ending)
        if stem != text and len(stem) > 2:
            for form in (stem, stem + "e", stem + "y"):
                if form in _FORMS:
                    return _FORMS[form]
    return None


_FORMS = {
    form: word
    for words in WORDS.values()
    for word, synonyms in words.items()
    for form in (word, *synonyms)
}
