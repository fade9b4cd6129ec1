"""Settings of all tests."""

from hypothesis import settings

# Machines that run the tests may be busy with something else: a slow example is no failure.
settings.register_profile("tinydet", deadline=None)
settings.load_profile("tinydet")
