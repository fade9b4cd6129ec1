"""What every stage of a run is given."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinydet.config.schema import UserConfig
from tinydet.pipeline.log import RunLog


@dataclass(frozen=True)
class Run:
    """One run: its configuration, its folder and its voice.

    Attributes:
        config: What to do.
        folder: Where everything goes.
        log: What the user is told.
        scored: ``ScoredImages`` of every evaluation so far: what was found in which image.
        checked: Part of the data to its images and the hash of their pixels (empty where the image
            was not decoded), of every check so far: no image may be in two parts.
    """

    config: UserConfig
    folder: Path
    log: RunLog
    scored: list[Any] = field(default_factory=list)
    checked: dict[str, dict[Path, str]] = field(default_factory=dict)
