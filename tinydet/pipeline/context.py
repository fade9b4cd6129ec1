"""What every stage of a run is given."""

from dataclasses import dataclass
from pathlib import Path

from tinydet.config.schema import UserConfig
from tinydet.pipeline.log import RunLog


@dataclass(frozen=True)
class Run:
    """One run: its configuration, its folder and its voice."""

    config: UserConfig
    folder: Path
    log: RunLog
