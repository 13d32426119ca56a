"""The studio's queues and the threads that listen to its processes: no error ends them."""

import subprocess
import sys
import threading
import time

import pytest

from folai.studio import media_client
from folai.studio.failures import Missing, Overloaded
from folai.studio.jobs import QUEUES, Jobs
from folai.studio.sound_client import Generator


@pytest.fixture
def jobs():
    queues = Jobs(lambda job: None)
    yield queues
    queues.close()


def wait_for(job, seconds=5.0):
    until = time.monotonic() + seconds
    while not job.is_over:
        assert time.monotonic() < until, f"{job.kind} waits for ever"
        time.sleep(0.005)
    return job


def fail(error):
    def raise_it(*given):
        raise error

    return raise_it


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("not even its text")


ERRORS = [ValueError("no"), RuntimeError("no"), MemoryError(), SystemExit(1), KeyboardInterrupt()]


@pytest.mark.parametrize("kind", QUEUES)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_follows_a_job_may_fail(jobs, kind, error):
    first = jobs.add(kind, "p", lambda job: None, after=fail(error))
    second = jobs.add(kind, "p", lambda job: None)
    assert wait_for(first).state == wait_for(second).state == "done"


@pytest.mark.parametrize("error", [*ERRORS, Unprintable()], ids=lambda error: type(error).__name__)
def test_the_work_of_a_job_may_fail(jobs, error):
    followed = threading.Event()
    first = jobs.add("predict", "p", fail(error), after=followed.set)
    second = jobs.add("predict", "p", lambda job: None)
    assert wait_for(first).state == "failed" and first.message
    assert followed.wait(5)
    assert wait_for(second).state == "done"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_report_of_a_job_may_fail(error):
    queues = Jobs(fail(error))
    try:
        first = queues.add("export", "p", lambda job: job.advance(0.5, "half"))
        second = queues.add("export", "p", lambda job: None)
        assert wait_for(first).state == wait_for(second).state == "done"
        assert queues.cancel(second.id).state == "done"
    finally:
        queues.close()


def test_a_job_that_waits_is_cancelled_and_the_next_is_done(jobs):
    go_on = threading.Event()
    under_way = jobs.add("export", "p", lambda job: go_on.wait(5))
    waiting = jobs.add("export", "p", fail(AssertionError("was cancelled")))
    last = jobs.add("export", "p", lambda job: None)
    jobs.cancel(waiting.id)
    go_on.set()
    assert [wait_for(job).state for job in (under_way, waiting, last)] == [
        "done",
        "cancelled",
        "done",
    ]
    with pytest.raises(Missing, match="there is no job 'nothing'"):
        jobs.get("nothing")


# Threads that listen to a process


def child_that_says(monkeypatch, text):
    code = f"print({text!r}, flush=True); import time; time.sleep(30)"
    monkeypatch.setattr(media_client, "child_command", lambda *given: [sys.executable, "-c", code])


@pytest.mark.parametrize("said", ['{"progress": 0.5}', '{"progress": null}', '{"progress": []}'])
def test_progress_that_fails_ends_the_child_at_once(monkeypatch, said):
    child_that_says(monkeypatch, said)
    began = time.monotonic()
    with pytest.raises((RuntimeError, TypeError)):
        media_client.run_child("x", {}, names={}, patience=20.0, progress=fail(RuntimeError("no")))
    assert time.monotonic() - began < 10


class Saying:
    """In place of the process that makes sound."""

    def __init__(self, *lines):
        code = f"for line in {lines!r}: print(line, flush=True)"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
        )

    def listen(self, generator):
        thread = threading.Thread(target=generator._listen, args=(self.process,))
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
        self.process.wait()
        answers = []
        while not generator._answers.empty():
            answers.append(generator._answers.get()[1])
        return answers


def test_a_change_of_state_that_fails_loses_no_answer():
    generator = Generator(fail(RuntimeError("no")))
    lines = '{"ready": true}', "a library's own words", "5", '{"job": "a", "progress": 1}'
    answers = Saying(*lines).listen(generator)
    assert generator.state == "ready"
    assert answers == [{"job": "a", "progress": 1}, {"ended": True}]


def test_a_listener_that_fails_says_that_the_process_has_ended(monkeypatch):
    generator = Generator(lambda: None)
    monkeypatch.setattr(generator, "_take", fail(RuntimeError("no")))
    assert Saying('{"ready": true}').listen(generator) == [{"ended": True}]


def test_a_full_queue_is_said(jobs, monkeypatch):
    monkeypatch.setattr("folai.studio.jobs.MOST_WAITING", 1)
    queues, go_on = Jobs(lambda job: None), threading.Event()
    try:
        under_way = queues.add("proxy", "p", lambda job: go_on.wait(5))
        while under_way.state == "queued":
            time.sleep(0.005)
        queues.add("proxy", "p", lambda job: None)
        with pytest.raises(Overloaded, match="1 jobs are waiting; cancel some"):
            queues.add("proxy", "p", lambda job: None)
    finally:
        go_on.set()
        queues.close()


@pytest.mark.parametrize("orders", ["", "no JSON\n", '{"cancel": "a"}\n'])
def test_the_process_that_makes_sound_ends_with_its_orders(orders):
    command = [sys.executable, "-m", "folai.studio.sound_process"]
    done = subprocess.run(command, input=orders, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0
