"""How a take is finished, the same for every engine."""

from __future__ import annotations

from dataclasses import dataclass

from folai.options import check_ranges, option

TAILS = ("natural", "envelope")
PANS = ("auto", "off")


@dataclass(frozen=True)
class FinishOptions:
    """What happens to a take of any engine. Raises ValueError for what is out of range."""

    room: float = option(
        0.0,
        float,
        "how much of the reference's own noise is heard between events: 0 none, 1 as recorded",
        lowest=0,
        highest=1,
    )
    tails: str = option(
        "natural",
        str,
        "how a hit that is alone dies away: natural, as its sound does; envelope, as the curve",
        choices=TAILS,
    )
    loop: bool = option(
        False, bool, "the end meets the beginning: a take that can be played round and round"
    )
    pan: str | None = option(
        None,
        str,
        "auto: stereo, each event where it moves in the picture; off: in the middle",
        choices=PANS,
        default_text="auto where the envelope says where",
    )

    def __post_init__(self) -> None:
        check_ranges(self)
