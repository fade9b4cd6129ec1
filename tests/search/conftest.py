from tests.pipeline.conftest import generated  # noqa: F401 - the same data set
