"""Every way to get no answer is explained in plain words."""

import pytest

from connectors.delivery.engines.no_answer import advice_on


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("libcurl 60: SSL certificate problem", "certificate"),
        ("libcurl 28: Operation timed out", "may count twice"),
        ("libcurl 6: Could not resolve host", "DNS"),
        ("libcurl 7: refused", "firewall"),
        ("libcurl 35: handshake", "TLS"),
    ],
)
def test_each_has_its_advice(text: str, said: str) -> None:
    assert said in "\n".join(advice_on(text) or ())


@pytest.mark.parametrize("text", ["", "libcurl 99: something", "something"])
def test_other_words_are_not_explained(text: str) -> None:
    assert advice_on(text) is None
