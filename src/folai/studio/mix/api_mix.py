"""Rooms and the loudness of takes, as the page asks for them: see API.md."""

from __future__ import annotations

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from folai.studio.endpoints import FOREVER, Call, Endpoint, Reply
from folai.studio.mix.levels import levels_of
from folai.studio.mix.rooms import ROOMS, impulse_response
from folai.studio.project_sounds import SoundFile
from folai.studio.schema import an_object, integer, number, one_of, or_null
from folai.studio.studio import Studio

RATES = (8000, 96000)  # Hz
LEVELS = an_object(
    "integrated true_peak_db peak_db",
    integrated=or_null(number()),
    true_peak_db=or_null(number()),
    peak_db=or_null(number()),
)


class MixApi:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                "GET",
                "/api/room",
                self.room,
                "A room's impulse response: float32, the left side, then the right",
                query={
                    "name": {**one_of(*ROOMS), "required": True},
                    "distance": {**number(0.5, 30), "default": 2},
                    "sample_rate": {**integer(*RATES), "default": 44100},
                },
                reply="application/octet-stream",
                waits=True,
            ),
            Endpoint(
                "GET",
                "/api/projects/{project}/takes/{take}/levels",
                self.levels,
                "How loud a take is",
                reply=LEVELS,
                waits=True,
            ),
        ]

    async def room(self, call: Call) -> Reply:
        query = call.query
        asked = (query["name"], float(query["distance"]), query["sample_rate"])
        response = await run_in_threadpool(impulse_response, *asked)
        content = np.ascontiguousarray(response, "<f4").tobytes()
        return Response(content, media_type="application/octet-stream", headers=FOREVER)

    async def levels(self, call: Call) -> Reply:
        project = self.studio.open(call.project)
        sound = SoundFile(self.studio.take_path(project, call.path["take"]))
        levels = await run_in_threadpool(levels_of, sound)
        return levels.as_json()
