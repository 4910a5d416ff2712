"""What tokens cost, in USD, so that a run's spend is known while it goes on and whatever its CLI says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Price(NamedTuple):
    """USD per million tokens, as the model reads them and as it writes them."""

    input: float
    output: float


_READ, _WRITE_5M, _WRITE_1H = 0.1, 1.25, 2.0
"""Of the price of input: reading from the cache, writing into it for five minutes and for an hour."""

# List prices by what a model's name holds, the first that fits: the table inside CLI 2.1.197.
PRICES = (
    (re.compile(r"3-5-haiku"), Price(0.8, 4)),
    (re.compile(r"haiku"), Price(1, 5)),
    (re.compile(r"sonnet"), Price(3, 15)),
    (re.compile(r"opus-4-(5|6|7|8)(?!\d)"), Price(5, 25)),
    (re.compile(r"mythos-5"), Price(10, 50)),
)
_WEB_SEARCH = 0.01
_DEAREST = Price(15, 75)
"""Of a model that is not known here: a limit must not be passed for want of a price."""


def price(model: str) -> Price:
    """What a model costs."""
    return next((found for pattern, found in PRICES if pattern.search(model)), _DEAREST)


def usd(model: str, tokens: Mapping[str, float]) -> float:
    """The cost of one answer, by the token counts of its `usage`."""
    each = price(model)
    hour = tokens.get("ephemeral_1h_input_tokens", 0)
    written = max(0.0, tokens.get("cache_creation_input_tokens", 0) - hour)
    read = tokens.get("cache_read_input_tokens", 0)
    inputs = tokens.get("input_tokens", 0) + _READ * read + _WRITE_5M * written + _WRITE_1H * hour
    searches = _WEB_SEARCH * tokens.get("web_search_requests", 0)
    return (inputs * each.input + tokens.get("output_tokens", 0) * each.output) / 1e6 + searches
