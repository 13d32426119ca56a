"""A little of `python -m tests.torture` with every change; hours of it by hand."""

from torture import kill, run


def test_hostile_inputs_are_one_line_each():
    tried, faults = run(minutes=1.0, first_seed=1_000_000, most=60)
    assert tried > 10 and faults == []


def test_a_killed_command_leaves_no_half_file():
    assert kill(3) == []
