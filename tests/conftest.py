"""What every test leaves as it found it."""

import logging

import pytest


@pytest.fixture(autouse=True)
def logger():
    """depthkit's logger; a run in this process gives it handlers of its own, and caplog would hear nothing after it."""
    logger = logging.getLogger("depthkit")
    yield logger
    logger.handlers, logger.propagate = [], True
    logger.setLevel(logging.NOTSET)
