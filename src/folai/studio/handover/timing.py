"""Where a session's sounds begin and end, exact to the frame and to the sample.

Places are whole frames of timecode, counted from midnight; sound files begin and end on frames. A
place in samples is `round(frame * sample_rate / rate)`, with the rate an exact fraction: an hour at
23.976 fps lasts 3603.6 s.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

STANDARD = [
    rate
    for whole in (24, 25, 30, 48, 50, 60, 100, 120)
    for rate in (Fraction(whole), Fraction(whole * 1000, 1001))
    if whole not in (25, 50, 100) or rate.denominator == 1
]
POP_SECONDS = 2  # of timecode: the 2-pop is that long before the first picture
MOST_FRAMES = 24 * 3600  # seconds of timecode in a day


def exact_rate(fps: float) -> Fraction:
    """The rate that a session counts frames in: one that editors know.

    The clip's own where it is one of those, else the lowest that is a multiple of it, else 30.

    >>> exact_rate(29.97003)
    Fraction(30000, 1001)
    >>> exact_rate(12.5)
    Fraction(25, 1)
    """
    near = [rate for rate in STANDARD if abs(float(rate) / fps - 1) < 2e-4]
    if near:
        return min(near, key=lambda rate: abs(float(rate) - fps))
    multiples = [rate for rate in STANDARD if abs(float(rate) / fps % 1) < 1e-6]
    return min(multiples, default=Fraction(30))


def frame_of(timecode: str, rate: Fraction) -> int:
    """The frame since midnight that `HH:MM:SS:FF` names; `;` before FF means drop-frame.

    Raises ValueError for one that does not exist at this rate.
    """
    found = re.fullmatch(r"(\d\d):(\d\d):(\d\d)([:;])(\d\d)", timecode)
    if found is None:
        raise ValueError(f"timecode {timecode!r}: write it as HH:MM:SS:FF")
    hours, minutes, seconds, frames = (int(found[group]) for group in (1, 2, 3, 5))
    nominal, drop = math.ceil(rate), found[4] == ";"
    if hours > 23 or minutes > 59 or seconds > 59 or frames >= nominal:
        raise ValueError(
            f"timecode {timecode!r}: at {float(rate):.5g} fps frames go from 00 to {nominal - 1}"
        )
    count = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    if drop:
        skipped = _dropped(rate)
        if seconds == 0 and minutes % 10 and frames < skipped:
            raise ValueError(
                f"timecode {timecode!r}: drop-frame leaves that out; write {timecode[:-2]}"
                f"{skipped:02}"
            )
        whole = hours * 60 + minutes
        count -= skipped * (whole - whole // 10)
    return count


def timecode_of(frame: int, rate: Fraction, drop: bool) -> str:
    """The timecode of a frame since midnight; a day later it begins again.

    >>> timecode_of(1800, Fraction(30000, 1001), True)
    '00:01:00;02'
    """
    nominal = math.ceil(rate)
    if drop:
        skipped = _dropped(rate)
        in_minute, in_ten = 60 * nominal - skipped, 600 * nominal - 9 * skipped
        tens, rest = divmod(frame, in_ten)
        minutes = max(0, (rest - skipped) // in_minute)  # the first of ten drops nothing
        frame += skipped * (9 * tens + minutes)
    seconds, frames = divmod(frame, nominal)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours % 24:02}:{minutes:02}:{seconds:02}{';' if drop else ':'}{frames:02}"


def _dropped(rate: Fraction) -> int:
    """Frame numbers that drop-frame timecode leaves out each minute but the tenth (SMPTE ST 12-1).

    Raises ValueError for a rate without drop-frame.
    """
    if rate.denominator == 1 or math.ceil(rate) % 30:
        raise ValueError(
            f"there is no drop-frame timecode at {float(rate):.5g} fps; write : before the frames"
        )
    return math.ceil(rate) // 15


@dataclass(frozen=True)
class Times:
    """A session: [pop] clip, and around it the handles that its files hold beside it.

    file:     | handle | pop | clip | handle |
    session:           | pop | clip |
    """

    rate: Fraction  # frames a second
    drop: bool  # drop-frame timecode
    start: int  # frame of the first picture since midnight
    num_frames: int  # of the clip
    handle: int  # frames before and after
    pop: int  # frames that the session begins before the clip: 0, or 2 s for the 2-pop
    sample_rate: int = 48000  # Hz

    def __post_init__(self) -> None:
        if self.file_frame < 0:
            begin = self.timecode(self.start)
            raise ValueError(
                f"the timecode {begin} leaves no room before it for the handle and the 2-pop; "
                "let the clip begin later, such as at 01:00:00:00"
            )

    @property
    def nominal(self) -> int:
        """Frame numbers in a second of timecode."""
        return math.ceil(self.rate)

    @property
    def file_frame(self) -> int:
        """The frame at which files begin."""
        return self.start - self.pop - self.handle

    @property
    def session_frame(self) -> int:
        """The frame at which the session begins."""
        return self.start - self.pop

    @property
    def session_frames(self) -> int:
        return self.pop + self.num_frames

    @property
    def file_sample(self) -> int:
        """The sample since midnight at which files begin."""
        return self._sample(self.file_frame)

    @property
    def file_samples(self) -> int:
        return self._sample(self.start + self.num_frames + self.handle) - self.file_sample

    @property
    def skipped_samples(self) -> int:
        """Samples of a file before the session begins."""
        return self._sample(self.session_frame) - self.file_sample

    @property
    def session_samples(self) -> int:
        end = self._sample(self.start + self.num_frames)
        return end - self._sample(self.session_frame)

    @property
    def clip_sample(self) -> int:
        """The sample of a file that sounds with the first picture."""
        return self._sample(self.start) - self.file_sample

    @property
    def pop_samples(self) -> tuple[int, int]:
        """(first, after the last) sample of a file's 2-pop: one frame; (0, 0) without one."""
        if self.pop == 0:
            return (0, 0)
        begin = self._sample(self.session_frame)
        return (begin - self.file_sample, self._sample(self.session_frame + 1) - self.file_sample)

    def timecode(self, frame: int) -> str:
        return timecode_of(frame, self.rate, self.drop)

    def _sample(self, frame: int) -> int:
        return round(Fraction(frame) * self.sample_rate / self.rate)
