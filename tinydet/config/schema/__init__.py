"""What a ``user_config.yaml`` may hold: one frozen, closed model per section."""

from tinydet.config.schema.user_config import UserConfig

__all__ = ["UserConfig"]
