"""All tests here need npm's part."""

import pytest

from provider import check_setup


@pytest.fixture(scope="session", autouse=True)
def whole_setup():
    check_setup()
