"""Configuration: what a user writes (YAML) and what a detector is (``detector.json``)."""
