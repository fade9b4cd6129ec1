"""Removing channels that can only take one value, bit for bit without effect on the outputs."""

from tinydet.compiler.passes.constant_channels.elimination import (
    eliminate_constant_channels as eliminate_constant_channels,
)
