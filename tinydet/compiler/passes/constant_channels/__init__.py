"""Removing channels that can only take one value, bit for bit without effect on the outputs."""

from tinydet.compiler.passes.constant_channels.checker import check_removal
from tinydet.compiler.passes.constant_channels.elimination import (
    RemovedChannel,
    eliminate_constant_channels,
    remove_constant_channels,
)
from tinydet.compiler.passes.constant_channels.intervals import Interval, channel_intervals

__all__ = [
    "Interval",
    "RemovedChannel",
    "channel_intervals",
    "check_removal",
    "eliminate_constant_channels",
    "remove_constant_channels",
]
