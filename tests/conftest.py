"""Settings of all tests."""

import signal

from hypothesis import settings

# Machines that run the tests may be busy with something else: a slow example is no failure.
settings.register_profile("tinydet", deadline=None)
settings.load_profile("tinydet")

# A shell starts background jobs with Ctrl-C ignored, and child processes inherit it; the tests of
# Ctrl-C need what a terminal gives.
signal.signal(signal.SIGINT, signal.default_int_handler)
