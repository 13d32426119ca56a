"""The first screen and several clips at once, as the page asks for them: see API.md."""

from __future__ import annotations

from folai.studio.endpoints import Call, Endpoint, Reply
from folai.studio.example_clip import open_example
from folai.studio.schema import a_list, an_object, integer
from folai.studio.shapes import JOB, PROJECT, PROJECTS, SPREAD, SUMMARY
from folai.studio.spots import generate_all, spot, spread_sound
from folai.studio.studio import Studio


class SpotsApi:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def endpoints(self) -> list[Endpoint]:
        one = "/api/projects/{project}"
        spots = an_object("projects", projects=a_list(SUMMARY, 100_000))
        jobs = an_object("jobs", jobs=a_list(JOB, 100_000))
        done = an_object("layers", layers=integer(0))
        return [
            Endpoint("GET", "/api/spots", self.spots, "Projects and their states", reply=spots),
            Endpoint("POST", "/api/example", self.example, "The example", reply=PROJECT),
            Endpoint(
                "POST",
                "/api/generate-all",
                self.generate_all,
                "Generate all layers of projects",
                status=202,
                body=PROJECTS,
                reply=jobs,
            ),
            Endpoint(
                "POST",
                f"{one}/spread-sound",
                self.spread_sound,
                "Copy a layer's sound to other projects",
                body=SPREAD,
                reply=done,
            ),
        ]

    def spots(self, call: Call) -> Reply:
        return {"projects": [spot(self.studio, one) for one in self.studio.store.summaries()]}

    def example(self, call: Call) -> Reply:
        return self.studio.described(open_example(self.studio))

    def generate_all(self, call: Call) -> Reply:
        jobs = generate_all(self.studio, call.body["projects"])
        return {"jobs": [job.as_json() for job in jobs]}

    def spread_sound(self, call: Call) -> Reply:
        source, body = self.studio.open(call.project), call.body
        layers = spread_sound(self.studio, source, body["layer"], body["projects"])
        return {"layers": layers}
