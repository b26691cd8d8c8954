"""The fixtures that tests share; each plugin's fixtures are lazy, so nothing starts that no test asks for."""

import hypothesis

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("stream", deadline=None)
hypothesis.settings.load_profile("stream")

pytest_plugins = (
    "tests.fixtures.kafka",
    "tests.fixtures.kafka_container",
    "tests.fixtures.kafka_local",
    "tests.fixtures.stream",
)
