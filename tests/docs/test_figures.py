"""The figures that pages promise are those of the code."""

import pytest

from connectors.delivery.retry import MOST_ATTEMPTS
from connectors.delivery.settings import DeliveryTable
from connectors.state.disk import RESERVE_BYTES
from flows.domain.decode import MAX_BYTES
from flows.domain.exact_json import MAX_DEPTH
from flows.runtime.progress import EVERY_SECONDS
from flows.settings.identity import IdentityTable
from flows.settings.tables import HealthTable
from tests.docs.markdown import ROOT, text_of


@pytest.mark.parametrize(
    ("page", "said", "figure"),
    [
        ("docs/outcomes.md", "got a 500 twelve times", MOST_ATTEMPTS == 12),
        ("docs/comparison.md", "below 256 MB", RESERVE_BYTES == 256_000_000),
        ("docs/outcomes.md", "over 1 MB, bad UTF-8", MAX_BYTES == 1 << 20),
        ("docs/outcomes.md", "over 1 KB even without", DeliveryTable().max_body_bytes == 1024),
        ("docs/settings.md", "| `STREAM_PROGRESS_SECONDS` | 60 |", EVERY_SECONDS == 60),
        ("docs/running.md", "http://127.0.0.1:9464", (HealthTable().host, HealthTable().port) == ("127.0.0.1", 9464)),
        ("README.md", "hold_seconds = 300", IdentityTable().hold_seconds == 300),
        ("README.md", "retry_minutes = 240", DeliveryTable().retry_minutes == 240),
        ("docs/mapping.md", "over 1 MB, bad UTF-8, nested deeper than 100 levels", MAX_DEPTH == 100),
        ("docs/mapping.md", "1,024 bytes of the whole body", DeliveryTable().max_body_bytes == 1024),
        ("docs/comparison.md", "four hours by default", DeliveryTable().retry_minutes == 240),
    ],
)
def test_a_figure_is_the_codes(page: str, said: str, figure: object) -> None:
    assert said in text_of(ROOT / page)
    assert figure
