"""Makes the table of words (`folai.words.table`) from a sentence model.

    python -m folai.train.words MODEL_FOLDER WORDS.txt

MODEL_FOLDER holds MiniLM-L6 (all-MiniLM-L6-v2, Apache 2.0) as transformers reads it; WORDS.txt has
a word a line, the most frequent first. Words of the UCS list are added. What a word means to the
sound model is found in three ways: by the vocabulary's own forms, by the UCS categories that list
it as a synonym, and by the nearest of those in the sentence model's own space of 384 dimensions.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.checkpoints import WEIGHTS, save_weights
from folai.diffusion.vocabulary import ALL, WORDS
from folai.library.ucs import categories
from folai.words.table import SIZE

Floats = NDArray[np.float32]

FREQUENT = 1500  # the most frequent words mean too much for a list of synonyms to tell

# UCS categories by the beginning of their CatID, the longest that fits: what they are about...
_ABOUT = {
    "CERM": "ceramic", "CHAIN": "chain", "CLOTH": "cloth", "DIRT": "dirt", "GLAS": "glass",
    "ICE": "ice", "LETHR": "leather", "METL": "metal", "PAPR": "paper", "PLAS": "plastic",
    "ROCK": "stone", "SNOW": "snow", "WOOD": "wood", "VEGEGras": "grass", "VEGELeaf": "leaf",
    "WATR": "water", "WATRDrip": "drip", "WATRFlow": "flow", "WATRSplsh": "splash",
    "WATRWave": "wave", "WATRSurf": "wave", "RAIN": "rain", "LIQ": "mud", "GORE": "flesh",
    "GOREBone": "bone", "FGHTImpt": "flesh", "BELL": "bell", "BELLGong": "cymbal",
    "FEET": "footstep", "FOLYFeet": "footstep", "FEETHors": "hoof", "DOOR": "door",
    "DOORCab": "cupboard", "WNDW": "door", "DRWR": "drawer", "CLOCK": "tick", "CMPTKey": "type",
    "SWSH": "whoosh", "WHSH": "whoosh", "WING": "whoosh", "GUN": "gun", "VEH": "vehicle",
    "MACH": "machine", "MOTR": "machine", "MACHFan": "fan", "TOOLHand": "tool", "OBJFurn": "chair",
    "OBJCoin": "coin", "OBJWrite": "write", "OBJZipr": "cloth", "OBJBook": "paper",
    "FOODTware": "plate", "FOODKware": "plate", "FOODGware": "glass", "FOODEat": "eat",
    "FOODCook": "sizzle", "FOODIngr": "food", "FOODPour": "flow", "FIRE": "crackle",
    "FIREIgn": "ignite", "FIREGas": "gas", "FIRESizz": "sizzle", "CRWDAppl": "clap",
    "UIClick": "click", "MECHSwtch": "click",
}  # fmt: skip
# ... and by its end, what is done.
_DONE = {"Impt": "hit", "Brk": "break", "Crsh": "break", "Fric": "scratch", "Creak": "squeak"}


def make_table(model: Path, frequent: list[str], out: Path = WEIGHTS / "words.safetensors") -> None:
    """Writes the table and its card."""
    listed = {word for each in categories().values() for word in each.synonyms if word.isalpha()}
    forms = {form for form in _forms() if form.isalpha()}
    words = list(dict.fromkeys([*frequent, *sorted(listed | forms)]))
    vectors = centred(embed(model, words), len(frequent))
    write_table(words, vectors, out)


def write_table(words: list[str], vectors: Floats, out: Path) -> None:
    """vectors: [N, 384], centred and of length 1."""
    import torch

    rows = {word: row for row, word in enumerate(words)}
    meanings, nearness = find_meanings(rows, vectors)
    tensors = {
        "vectors": torch.from_numpy(shortened(rows, vectors)),
        "meanings": torch.from_numpy(meanings),
        "nearness": torch.from_numpy(nearness),
        "words": torch.frombuffer(bytearray("\n".join(words).encode()), dtype=torch.uint8),
    }
    notes = {
        "made from": "sentence-transformers/all-MiniLM-L6-v2 (Apache 2.0)",
        "words": "the most frequent of wordfreq 3.1.1 (CC BY-SA 4.0), synonyms of UCS 8.2.1 (CC0)",
    }
    save_weights(out, "words", tensors, {"size": SIZE, "vocabulary": ALL}, notes)


def embed(folder: Path, words: list[str]) -> Floats:
    """The sentence model's vector of each word, [N, 384] of length 1."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModel.from_pretrained(folder).eval()
    parts = []
    with torch.inference_mode():
        for first in range(0, len(words), 256):
            batch = tokenizer(words[first : first + 256], padding=True, return_tensors="pt")
            hidden = model(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None].float()
            mean = (hidden * mask).sum(1) / mask.sum(1)
            parts.append(torch.nn.functional.normalize(mean).numpy())
    return np.concatenate(parts)


def centred(vectors: Floats, count: int) -> Floats:
    """Without the mean of the first `count`, which all words share; of length 1."""
    vectors = vectors - vectors[:count].mean(axis=0)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def shortened(rows: dict[str, int], vectors: Floats) -> NDArray[np.int8]:
    """[N, SIZE]: the directions in which the words of sound differ most."""
    of_sound = [rows[w] for each in categories().values() for w in each.synonyms if w in rows]
    _, directions = np.linalg.eigh(np.cov(vectors[sorted(set(of_sound))].T))
    short = vectors @ directions[:, ::-1][:, :SIZE]
    short /= np.linalg.norm(short, axis=1, keepdims=True)
    return np.asarray(np.round(short * 127), np.int8)


def find_meanings(
    rows: dict[str, int], vectors: Floats
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(number in ALL, nearness from 0 to 255) of each word, [N] each."""
    listed = _listed()
    forms = [(rows[form], ALL.index(word)) for form, word in _forms().items() if form in rows]
    synonyms = [(rows[w], ALL.index(m)) for w, m in listed.items() if w in rows]
    by_form, form_cos = _nearest(vectors, forms)
    by_synonym, synonym_cos = _nearest(vectors, synonyms)
    # Forms are sure, synonyms of a category less so: these need to be nearer by a seventh.
    use_form = form_cos >= synonym_cos - 0.14
    meanings = np.where(use_form, by_form, by_synonym)
    nearness = np.where(use_form, form_cos, synonym_cos - 0.14)
    for word, meaning in listed.items():  # what a list says counts, unless it is far-fetched
        if word in rows and rows[word] >= FREQUENT:
            meanings[rows[word]], nearness[rows[word]] = ALL.index(meaning), 0.8
    for row, number in forms:
        meanings[row], nearness[row] = number, 1.0
    return meanings.astype(np.uint8), np.round(255 * np.clip(nearness, 0, 1)).astype(np.uint8)


def _nearest(
    vectors: Floats, anchors: list[tuple[int, int]]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(meaning of the nearest anchor, cosine) of each vector."""
    places, meanings = np.array(anchors).T
    cosines = np.concatenate([part @ vectors[places].T for part in np.array_split(vectors, 64)])
    best = cosines.argmax(axis=1)
    return meanings[best], cosines[np.arange(len(best)), best]


def _forms() -> dict[str, str]:
    return {f: w for kind in WORDS.values() for w, others in kind.items() for f in (w, *others)}


def _listed() -> dict[str, str]:
    """Words that three quarters of the categories which list them say to mean one thing."""
    where: dict[str, list[str]] = defaultdict(list)
    for category in categories().values():
        for word in set(category.synonyms):
            where[word].append(category.id)
    found = {}
    for word, places in where.items():
        counts = Counter(meaning for place in places for meaning in _meanings_of(place))
        if counts and counts.most_common(1)[0][1] >= 0.75 * len(places):
            found[word] = counts.most_common(1)[0][0]
    return found


def _meanings_of(category: str) -> list[str]:
    begins = [key for key in _ABOUT if category.startswith(key)]
    about = [_ABOUT[max(begins, key=len)]] if begins else []
    return about + [done for end, done in _DONE.items() if category.endswith(end)]


if __name__ == "__main__":
    make_table(Path(sys.argv[1]), Path(sys.argv[2]).read_text().split())
