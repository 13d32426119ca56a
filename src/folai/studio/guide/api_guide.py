"""The clip's own sound, as the page asks for it: see API.md."""

from __future__ import annotations

from folai.studio.endpoints import Call, Endpoint, Reply
from folai.studio.guide.clip_sound import make_guide
from folai.studio.schema import an_object, integer, number
from folai.studio.shapes import ID
from folai.studio.studio import Studio

GUIDE = an_object(
    "duration channels sample_rate envelope",
    duration=number(0),
    channels=integer(1, 2),
    sample_rate=integer(1),
    envelope=ID,
)


class GuideApi:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                "POST",
                "/api/projects/{project}/guide",
                self.make,
                "Read the clip's own sound, and measure its envelope",
                reply=GUIDE,
                waits=True,
            )
        ]

    async def make(self, call: Call) -> Reply:
        project = self.studio.open(call.project)
        facts: dict[str, object] = await self.studio.one_of_few(make_guide, project)
        return facts
