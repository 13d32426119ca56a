"""Random requests of every kind that the studio describes: never a failure of its own."""

from collections import Counter

import hypothesis
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from folai import Envelope
from folai.studio.guard import allowed_hosts
from folai.studio.project_envelopes import to_json
from folai.studio.server import make_app
from studio_clients import SESSION, finish

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# Endless by nature, or makes a process for each request.
LEFT_OUT = ("/api/events", "/proxy", "/predict", "/adapt", "/import", "/references")
EXAMPLES = 6  # of each operation


def test_random_requests_never_break_it(studio, hit):
    client, opened = studio
    here = f"/api/projects/{opened.opened}"
    app = make_app(opened, SESSION, allowed_hosts("127.0.0.1"))
    headers = {"host": "127.0.0.1", "cookie": f"{SESSION.cookie_name}={SESSION.cookie}"}
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app, headers=headers)
    known = _known(client, here, hit)
    tried, seen = 0, Counter()
    for result in schema.get_all_operations():
        operation = result.ok()
        posted = operation.method.upper() == "POST"
        if operation.path.endswith(LEFT_OUT) or (operation.path == "/api/projects" and posted):
            continue
        _try_operation(operation, known, headers, seen)
        tried += 1
    for job in client.get(f"{here}/jobs").json()["jobs"]:
        client.delete(f"/api/jobs/{job['id']}")
    assert tried > 30 and seen[200] > 50 and seen[422] > 5  # it gets past the doors
    project = client.get(here)
    assert project.status_code == 200 and project.json()["edit"]["layers"]


def _known(client, here, hit):
    """What is really there, by the names that requests give it."""
    envelope = to_json(Envelope.from_hits([0.5, 1.5], 2.5))
    body = {"layer": "layer-1", "envelope": envelope, "sound": {"engine": "preview"}}
    job = finish(client, client.post(f"{here}/generate", json=body).json())
    sent = client.post(f"{here}/references?name=hit.wav", content=hit.read_bytes())
    return {
        "project": here.rsplit("/", 1)[1],
        "envelope": client.post(f"{here}/envelopes", json=envelope).json()["envelope"],
        "take": job["takes"][0],
        "job": job["id"],
        "reference": sent.json()["id"],
        "layer": "layer-1",
        "base": client.post(f"{here}/envelopes", json=envelope).json()["envelope"],
    }


def _try_operation(operation, known, headers, seen):
    """Random values everywhere, but mostly things that are there, to get further."""
    deletes = operation.method.upper() == "DELETE"

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(), wild=st.integers(0, 4))
    def attempt(case, wild):
        if wild and not deletes:
            for part in (case.path_parameters, case.query, case.body):
                _make_known(part, known)
        response = case.call(headers=headers)
        seen[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    attempt()


def _make_known(part, known):
    """Names of what is there in place of random ones, and times inside the clip, at any depth."""
    if isinstance(part, list):
        for item in part:
            _make_known(item, known)
    if not isinstance(part, dict):
        return
    for name, value in part.items():
        if isinstance(value, str) and name in known:
            part[name] = known[name]
        elif isinstance(value, int | float) and name in ("start", "end", "time", "to"):
            part[name] = value % 2.5
        else:
            _make_known(value, known)
