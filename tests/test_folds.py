"""Cross-validation: every recording is left out once, and those of one sitting together."""

from pathlib import Path

import pytest

from folai.cli import main
from folai.data.folds import Fold, sitting
from folai.data.listing import Listing


def listings(*names: str) -> list[Listing]:
    return [Listing(Path(name), name, None) for name in names]


NAMES = (
    "gh/2015-09-23-15-20-31-256.mp4",
    "gh/2015-09-23-15-20-31-595.mp4",
    "gh/2015-02-16-16-49-06.mp4",
    "gh/2015-03-25-01-08-28_2.7333s.mp4",
    "other/door.mp4",
)


def test_each_clip_is_left_out_once_and_sittings_stay_together():
    given = listings(*NAMES)
    seen = []
    for number in (1, 2, 3):
        kept, left_out = Fold(number, 3).apart(given)
        assert {c.name for c in kept} | {c.name for c in left_out} == set(NAMES)
        assert not {sitting(c.name) for c in kept} & {sitting(c.name) for c in left_out}
        seen += [clip.name for clip in left_out]
    assert sorted(seen) == sorted(NAMES)


def test_a_sitting_is_the_date_and_time_of_a_name():
    assert sitting(NAMES[0]) == sitting(NAMES[1]) == "2015-09-23-15-20-31"
    assert sitting("other/door.mp4") == "door"


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/1", "one/2", "1"])
def test_a_fold_that_cannot_be_meant(text, capsys):
    with pytest.raises(ValueError, match="fold is"):
        Fold.parse(text)
    with pytest.raises(SystemExit):
        main(["train", "mapper", "--data", "clips", "--fold", text])
    assert "fold is" in capsys.readouterr().err


def test_more_folds_than_recordings():
    with pytest.raises(ValueError, match="fold is of 6; there are 4 recordings"):
        Fold(1, 6).apart(listings(*NAMES))


def test_only_what_is_left_out_is_scored(clip, tmp_path, capsys):
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (tmp_path / name).write_bytes(Path(clip).read_bytes())
    command = ["evaluate", "mapper", "--data", str(tmp_path), "--fold", "2/3"]
    assert main(command) == 2  # the clips are silent, so the one that is looked at is named
    told = capsys.readouterr().err
    assert "b.mp4" in told and "a.mp4" not in told and "c.mp4" not in told
