"""Prompts: the words they name, what is said of others, and what is refused."""

import csv
import warnings
from pathlib import Path

import pytest

from folai.diffusion.vocabulary import (
    ALL,
    MAX_WORDS,
    find_words,
    numbers_of,
    understand,
    words_of_label,
)
from folai.preview.materials import MATERIALS


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("footsteps on gravel", ("footstep", "gravel")),
        ("Wooden stick hits metal", ("hit", "metal")),
        ("someone walking over dry leaves, then a puddle", ("footstep", "leaf", "water")),
        ("glasses shattering", ("glass", "break")),
        ("plastic bag", ("plastic bag",)),
        ("plastic", ("plastic",)),
        ("metal metal metallic", ("metal",)),
    ],
)
def test_prompts_name_words(prompt, words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert find_words(prompt) == words


def test_unknown_words_are_named_with_the_nearest():
    with pytest.warns(UserWarning, match=r"'parliament' is not known to the model; nearest: \w+"):
        assert find_words("hit parliament") == ("hit",)


def test_other_words_are_taken_by_meaning_and_spelling():
    with pytest.warns(UserWarning, match="'chainmail' is taken for chain"):
        assert find_words("chainmail on sandstone") == ("chain", "stone")
    with pytest.warns(UserWarning, match="'gravle' is taken for gravel"):
        assert find_words("steps on gravle") == ("footstep", "gravel")


def test_written_prompts_are_understood_and_nonsense_is_not():
    right = [row for row in rows("prompts.csv") if is_meant(row["prompt"], row["meaning"])]
    assert len(right) >= 0.8 * 60
    taken = [row["prompt"] for row in rows("nonsense.csv") if understand(row["prompt"]).words]
    assert taken == []


def rows(name):
    with (Path(__file__).parent / "data" / name).open() as file:
        return list(csv.DictReader(file))


def is_meant(prompt, meaning):
    """Whether all words that have to be are understood, and none that may not be."""
    words, allowed = set(understand(prompt).words), set()
    for part in meaning.split("+"):
        others = set(part.removesuffix("?").split("|"))
        allowed |= others
        if not part.endswith("?") and words.isdisjoint(others):
            return False
    return words <= allowed


def test_a_prompt_without_a_known_word_lists_them():
    with pytest.raises(ValueError, match=r"prompt 'xyzzy' has no word.*actions: hit.*gravel"):
        find_words("xyzzy")
    with pytest.raises(ValueError, match="negative prompt '' has no word"):
        find_words("", "negative prompt")


def test_too_many_words_are_left_out():
    with pytest.warns(UserWarning, match="at most 6 words count"):
        assert len(find_words("wood metal glass stone paper cloth water sand")) == MAX_WORDS


def test_numbers_follow_the_order_of_a_models_vocabulary():
    assert numbers_of(("b", "a", "c"), ("a", "b")) == [2, 1, 0, 0, 0, 0]
    assert len(set(ALL)) == len(ALL)


def test_every_built_in_sound_is_a_word():
    assert all(find_words(name.replace("_", " ")) for name in MATERIALS)


def test_every_label_of_the_recordings_has_words():
    index = Path(__file__).parents[1].parent / "shared" / "sfx" / "index.csv"
    if not index.is_file():
        pytest.skip("the recordings are not here: expected them in ../shared/sfx")
    with index.open() as file:
        labels = {row["label"] for row in csv.DictReader(file)}
    assert [label for label in labels if not words_of_label(label)] == []
