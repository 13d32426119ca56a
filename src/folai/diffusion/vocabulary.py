"""The words a prompt may use: what is done, to what, on what. No PyTorch.

A word stands for an embedding of the model; its synonyms, plurals and other forms for the same. Any
other English word is taken by its meaning, where it is near enough to one of them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from folai.words.spelling import correct
from folai.words.table import load_table, sentence_vector

WORDS: dict[str, dict[str, tuple[str, ...]]] = {  # kind: word: synonyms
    "actions": {
        "hit": (
            *("impact", "strike", "struck", "knock", "beat", "bang", "tap", "thud", "blow"),
            *("stick", "drumstick", "wooden stick", "drum stick"),
            "slam",
            "clash",
            "collide",
            "bump",
            "whack",
            "mallet",
            "bat",
            "drumming",
            "pound",
        ),
        "scratch": ("scrape", "drag", "rub", "scraping", "friction", "grind"),
        "footstep": (
            "step",
            "walk",
            "walking",
            "run",
            "running",
            "foot",
            "feet",
            "stomp",
            "tread",
            "shoe",
            "boot",
            "sneaker",
            "trainer",
            "sandal",
            "slipper",
            "sock",
            "jog",
            "hike",
            "march",
            "stride",
            "stroll",
            "pace",
            "trudge",
            "tiptoe",
            "creep",
            "wade",
        ),
        "break": ("shatter", "smash", "crack", "broken", "snap", "crash", "collapse"),
        "cut": ("chop", "slice", "chopping", "cutting", "split", "axe", "scythe"),
        "drop": ("fall", "hammerdrop", "dropped", "land"),
        "shake": ("rattle", "jingle", "jangle"),
        "sweep": ("broom", "sweeping", "brush", "mop", "wipe", "dust"),
        "whoosh": ("swing", "swish", "swoosh", "arrow", "wing", "flap", "flutter", "feather"),
        "splash": ("plunge", "swim", "splat", "splashing"),
        "drip": ("drop of water", "droplet", "dripping"),
        "flow": ("pour", "stream", "pouring", "river", "tap water", "flowing"),
        "rain": ("rainfall", "raindrop", "drizzle", "downpour", "shower"),
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
        "clap": ("applause", "clapping", "ovation"),
        "slap": ("smack",),
        "eat": ("chew", "bite", "crunch", "munch", "nibble", "gnaw", "devour"),
        "squeak": ("creak", "creaking"),
        "wash": ("washing", "rinse", "scrub"),
        "pop": ("burst",),
    },
    "materials": {
        "wood": (
            "wooden",
            "timber",
            "plank",
            "log",
            "oak",
            "pine",
            "table",
            "bench",
            "desk",
            "firewood",
            "branch",
            "twig",
        ),
        "metal": (
            "iron",
            "steel",
            "tin",
            "metallic",
            "aluminium",
            "copper",
            "brass",
            "bronze",
            "anvil",
            "pipe",
        ),
        "glass": ("bottle", "pane", "goblet", "jar", "vase"),
        "ceramic": ("porcelain", "pottery", "clay", "cup", "mug"),
        "stone": ("rock", "boulder", "rocks", "brick", "cobblestone", "marble", "granite", "slate"),
        "plastic": ("polymer",),
        "plastic bag": ("bag",),
        "cardboard": ("carton", "cardboard box"),
        "paper": (
            "page",
            "book",
            "card",
            "newspaper",
            "crumple",
            "crinkle",
            "envelope",
            "letter",
            "leaflet",
            "tear",
            "tearing",
        ),
        "cloth": (
            "fabric",
            "textile",
            "clothes",
            "shirt",
            "curtain",
            "zip",
            "pillow",
            "cushion",
            "wool",
            "silk",
            "cotton",
            "jacket",
            "coat",
            "dress",
            "skirt",
            "trousers",
            "towel",
            "blanket",
        ),
        "leather": ("boot leather",),
        "leaf": ("leaves", "foliage", "bush", "leafy", "plant", "hedge", "rustle"),
        "water": ("wet", "liquid", "puddle", "pool"),
        "flesh": ("body", "meat", "punch", "fist", "hand", "finger", "guts", "gore", "squelch"),
        "bone": ("skull",),
        "food": ("vegetable", "bread"),
        "chain": ("chains",),
        "coin": ("money",),
        "bell": ("chime",),
        "cymbal": ("gong",),
        "drum": ("membrane", "skin drum", "bongo"),
        "blade": ("sword", "knife", "knives", "dagger", "sabre", "saber", "rapier"),
        "shell": ("cartridge", "casing"),
        "ice": ("icy", "frozen"),
    },
    "surfaces": {
        "floor": ("ground", "parquet"),
        "carpet": ("rug", "mat"),
        "concrete": (
            "asphalt",
            "pavement",
            "cement",
            "street",
            "sidewalk",
            "kerb",
            "road",
            "tarmac",
        ),
        "tile": ("tiles", "tiled"),
        "gravel": ("pebble", "shingle", "scree", "pebbles", "grit"),
        "dirt": ("soil", "earth", "earthen"),
        "mud": ("muddy",),
        "sand": ("sandy", "beach"),
        "snow": ("snowy", "slush"),
        "grass": ("lawn", "meadow", "grassy"),
    },
    "things": {
        "door": ("gate", "window", "chest"),
        "drawer": ("drawers",),
        "cupboard": ("cabinet", "wardrobe", "closet", "locker"),
        "fridge": ("refrigerator",),
        "chair": ("stool", "furniture"),
        "plate": (
            "dish",
            "dishes",
            "bowl",
            "rack",
            "crockery",
            "saucer",
            "pan",
            "pot",
            "tableware",
            "dishwasher",
        ),
        "cutlery": ("spoon", "fork", "silverware", "teaspoon", "tablespoon", "ladle", "chopsticks"),
        "scissors": ("shears",),
        "tool": ("screwdriver", "wrench"),
        "machine": ("engine", "motor", "mech", "mechanism", "gear"),
        "fan": ("ventilator",),
        "vacuum": ("hoover",),
        "chainsaw": ("chain saw",),
        "vehicle": (
            "car",
            "cart",
            "bicycle",
            "truck",
            "wagon",
            "lorry",
            "van",
            "bus",
            "tractor",
            "tyre",
            "tire",
            "wheel",
            "skateboard",
        ),
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
NEAR = 0.47  # how near a word has to be: of words that name no sound, one of twenty is as near
NEAR_MISSPELT = 0.6  # the same of a word that is not written as it should be

# Words that say nothing about a sound, and those of file names that say too little.
_SILENT = frozenset(
    "a an and are as at be being by for from in into is it its of off on onto or over person "
    "some somebody someone sound sounds the their them then there to under up with while his her "
    "man woman people very slowly quickly fast slow loud loudly quiet soft softly hard small big "
    "large old generic noise foley through across along against around near behind beside between "
    "towards back down out away about no not only more less few many another own heavy heavily "
    "light dry thick thin long short deep high low empty full new young first last number".split()
)


@dataclass(frozen=True)
class Understood:
    """What a prompt names: words of ALL, in its order; which of its own words were taken for which
    of them, by their meaning or spelling; and those that are not known."""

    words: tuple[str, ...]
    taken: dict[str, str]
    unknown: tuple[str, ...]


def find_words(prompt: str, option: str = "prompt") -> tuple[str, ...]:
    """The words of ALL that a prompt names, in its order, each once, MAX_WORDS at most.

    Warns of words that are not known, and says what others were taken for. Raises ValueError where
    none is known.
    """
    found = understand(prompt)
    if not found.words:
        known = "; ".join(f"{kind}: {', '.join(words)}" for kind, words in WORDS.items())
        raise ValueError(
            f"{option} {prompt!r} has no word that the model knows"
            f"{_nearest(' '.join(found.unknown))}; use {known}"
        )
    for word, meaning in found.taken.items():
        warnings.warn(f"{option}: {word!r} is taken for {meaning}", stacklevel=2)
    for word in found.unknown:
        hint = _nearest(word) or f"; it knows {', '.join(ALL)}"
        warnings.warn(f"{option}: {word!r} is not known to the model{hint}", stacklevel=2)
    if len(found.words) > MAX_WORDS:
        left = ", ".join(found.words[MAX_WORDS:])
        warnings.warn(f"{option}: at most {MAX_WORDS} words count; not {left}", stacklevel=2)
    return found.words[:MAX_WORDS]


def understand(text: str) -> Understood:
    """The words of ALL that a text means: as they stand, by meaning, or by spelling."""
    found: list[str] = []
    taken: dict[str, str] = {}
    unknown: list[str] = []
    for token, word in _tokens(text):
        if word is None:
            word = _by_meaning(token)
            if word is None:
                unknown.append(token)
                continue
            taken[token] = word
        found.append(word)
    if len(found) == len(taken) <= len(unknown):
        # One word that comes near among others that do not: that is chance, not a description.
        found, unknown, taken = [], [*taken, *unknown], {}
    return Understood(tuple(dict.fromkeys(found)), taken, tuple(dict.fromkeys(unknown)))


def words_of_label(label: str) -> tuple[str, ...]:
    """Those of a recording's label such as `footstep/wood_heel`; none where nothing is known."""
    words = (word for _, word in _tokens(re.sub(r"[/_-]", " ", label)) if word is not None)
    return tuple(dict.fromkeys(words))[:MAX_WORDS]


def numbers_of(words: tuple[str, ...], order: tuple[str, ...] = ALL) -> list[int]:
    """Their places in a model's vocabulary, from 1, filled up with 0 to MAX_WORDS."""
    numbers = [order.index(word) + 1 for word in words if word in order]
    return numbers + [0] * (MAX_WORDS - len(numbers))


def meaning_of(word: str) -> str | None:
    """The word of ALL that one word means, or None."""
    return _look_up(word) or _by_meaning(word)


def say_nothing(word: str) -> bool:
    """Whether a word says nothing about a sound, such as "the"."""
    return word in _SILENT


def _tokens(text: str) -> Iterator[tuple[str, str | None]]:
    """(a piece of a text, the word it stands for or None): the longest of several words counts.

    Words that say nothing about a sound are left out.
    """
    tokens = re.findall(r"[^\W\d_]+", text.lower())
    place = 0
    while place < len(tokens):
        for count in (3, 2, 1):
            piece = " ".join(tokens[place : place + count])
            word = _look_up(piece)
            if word is not None and place + count <= len(tokens):
                yield piece, word
                break
        else:
            count = 1
            if tokens[place] not in _SILENT:
                yield tokens[place], None
        place += count


def _by_meaning(token: str) -> str | None:
    """The word of ALL that a word means, which is none of its forms; None: it is too far."""
    table = load_table()
    meaning, nearness = table.meaning(token)
    if token in table.words:
        return meaning if nearness >= NEAR else None
    slip = correct(token, _FORMS)
    if slip is not None:
        return _FORMS[slip]
    slip = correct(token, table.words)
    meaning, nearness = table.meaning(slip or "")
    return meaning if nearness >= NEAR_MISSPELT else None


def _nearest(text: str) -> str:
    """The three words of ALL that come nearest to a text; nothing where none of it is a word."""
    wanted = sentence_vector(text)
    if not wanted.any():
        return ""
    near = {word: float(wanted @ sentence_vector(word)) for word in ALL}
    return f"; nearest: {', '.join(sorted(near, key=near.__getitem__, reverse=True)[:3])}"


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
