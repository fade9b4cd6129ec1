"""The int8 network computed in float: every rounding in its place, differentiable."""
