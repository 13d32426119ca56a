"""Published networks that turn sound into vectors, rebuilt so that the published weights fit."""

from folai.evaluate.sounds.nets.clap import load_clap
from folai.evaluate.sounds.nets.ms_clap import load_ms_clap
from folai.evaluate.sounds.nets.panns import load_panns

__all__ = ["load_clap", "load_ms_clap", "load_panns"]
