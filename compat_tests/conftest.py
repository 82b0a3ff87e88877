"""The tests of compatibility share the setup of the unit tests."""

import tests.conftest  # noqa: F401 - sets the number of threads before torch is imported
