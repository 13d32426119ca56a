"""A little of `python -m tests.torture` with every change; hours of it by hand."""

from torture import hurt, run


def test_hostile_inputs_are_one_line_each():
    tried, faults = run(minutes=1.0, first_seed=1_000_000, most=60)
    assert tried > 10 and faults == []


def test_what_is_killed_or_has_no_room_loses_nothing():
    done, faults = hurt(kills=2, troubles=1)
    assert faults == []
    assert done["kills"] == 2 and done["troubles"] >= 4
