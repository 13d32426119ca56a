"""Progress of a whole command as one share, 0 to 1, that never falls."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float], None]  # is told what share is done, 0 to 1


class Stages:
    """The stages of a command, each with its share of the work, as one bar from 0 to 1.

        stages = Stages(progress, predict=1.0, play=3.0)
        predict_envelope(video, progress=stages.of("predict"))   # reports 0 to 0.25

    A stage may report anything: what reaches `progress` never falls and never exceeds 1. What
    `progress` raises goes through to whoever reports, and so stops the work.
    """

    def __init__(self, progress: Progress | None, **work: float) -> None:
        """work: how long each stage takes, in any unit, in the order in which they are done."""
        total = sum(work.values()) or 1.0
        self._progress, self._reported = progress, -1.0
        self._spans: dict[str, tuple[float, float]] = {}
        begin = 0.0
        for name, amount in work.items():
            self._spans[name] = (begin, amount / total)
            begin += amount / total

    def of(self, name: str) -> Progress:
        """The progress of one stage, told from 0 to 1."""
        begin, span = self._spans[name]
        return lambda share: self._report(begin + span * share)

    def _report(self, share: float) -> None:
        share = min(1.0, share)
        if self._progress is not None and share > self._reported:
            self._reported = share
            self._progress(share)


class Steps:
    """Progress by steps of equal work."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        if self._progress is not None:
            self._progress(min(1.0, self._done / self._total))

    def finish(self) -> None:
        """All that was left is done, too."""
        if self._progress is not None:
            self._progress(1.0)


def part_of(progress: Progress | None, index: int, count: int) -> Progress:
    """The progress of part `index` of `count` equal ones."""

    def report(share: float) -> None:
        if progress is not None:
            progress((index + share) / count)

    return report
