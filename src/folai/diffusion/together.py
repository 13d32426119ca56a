"""Clips that are sampled together: each in a thread of its own, as though it were alone.

    together = Together()
    sounds = together.do([partial(sample, clip, together) for clip in clips])

Where a clip asks the denoiser it waits until every other has asked, too, or has ended; then all of
them are answered in one batch. Only one thread runs at a time: it holds the lock of the condition
on which the others wait. So nothing else has to know that there are several.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Result = TypeVar("Result")

Answerer = Callable[[Sequence[Question]], Sequence[Answer]]


@dataclass(eq=False)
class _Asked:
    """A question that waits, and then its answer, or the error that there was instead."""

    number: int  # of who asks
    key: Hashable
    question: Any
    answerer: Answerer[Any, Any]
    answer: Any = None
    error: Exception | None = None
    is_answered: bool = False

    def answer_alone(self) -> None:
        try:
            (self.answer,) = self.answerer([self.question])
        except Exception as error:
            self.error = error
        self.is_answered = True


class Together:
    """What the threads share."""

    def __init__(self) -> None:
        self.current = 0  # number of the task whose turn it is
        self._turn = threading.Condition()
        self._running = 0
        self._asked: list[_Asked] = []

    def ask(
        self, key: Hashable, question: Question, answerer: Answerer[Question, Answer]
    ) -> Answer:
        """The answer to a question, by `answerer` of those with the same key."""
        asked = _Asked(self.current, key, question, answerer)
        self._asked.append(asked)
        self._answer_once_all_ask()
        while not asked.is_answered:
            self._turn.wait()
        self.current = asked.number
        if asked.error is not None:
            raise asked.error
        return asked.answer  # type: ignore[no-any-return]

    def do(self, tasks: Sequence[Callable[[], Result]]) -> list[Result]:
        """What each task returns. What one raises is raised here, once all have ended."""
        with ThreadPoolExecutor(len(tasks)) as pool:
            self._running = len(tasks)
            ended = [pool.submit(self._do, number, task) for number, task in enumerate(tasks)]
        return [future.result() for future in ended]

    def _do(self, number: int, task: Callable[[], Result]) -> Result:
        """Does a task when its turn comes."""
        with self._turn:
            self.current = number
            try:
                return task()
            finally:
                self._running -= 1
                self._answer_once_all_ask()

    def _answer_once_all_ask(self) -> None:
        if not self._asked or len(self._asked) < self._running:
            return
        groups: dict[Hashable, list[_Asked]] = {}
        for asked in sorted(self._asked, key=lambda asked: asked.number):
            groups.setdefault(asked.key, []).append(asked)
        self._asked = []
        for group in groups.values():
            _answer(group)
        self._turn.notify_all()


def _answer(group: list[_Asked]) -> None:
    """Answers all in one batch; each alone where that fails: memory may be too small for all."""
    if len(group) > 1:
        try:
            answers = group[0].answerer([asked.question for asked in group])
        except Exception:
            answers = []
        for asked, answer in zip(group, answers, strict=False):
            asked.answer, asked.is_answered = answer, True
    for asked in group:
        if not asked.is_answered:
            asked.answer_alone()


def ask(
    together: Together | None,
    key: Hashable,
    question: Question,
    answerer: Answerer[Question, Answer],
) -> Answer:
    """The answer to a question: at once, or with the questions of others."""
    if together is None:
        return answerer([question])[0]
    return together.ask(key, question, answerer)
