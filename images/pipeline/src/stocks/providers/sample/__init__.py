"""The sample: real prices of five companies as of a day, in Alpha Vantage's place and format, with no key.

data     the prices, and the answers made of them
actions  splits and dividends recovered from adjusted closes
api      the sample over HTTP, with switches for every fault
"""

from __future__ import annotations

from stocks.providers.alphavantage import AlphaVantage
from stocks.providers.alphavantage.answers import DAILY, OVERVIEW, WEEKLY
from stocks.providers.provider import Limits, StandIn
from stocks.providers.sample.data import Sample, SampleTransport
from stocks.settings import Settings


class SampleProvider(AlphaVantage):
    """Alpha Vantage as the sample plays it."""

    name = "sample"
    title = "the sample (real prices up to 2013)"
    url = "http://sample/query"  # answered within the process
    endpoints = (DAILY, WEEKLY, OVERVIEW)
    key = None  # a real one may be set beside it: that is not for the sample to see
    limits = Limits()
    choice = ""

    def stand_in(self, settings: Settings) -> StandIn:
        """The sample as of STOCKS_SAMPLE_AS_OF; its clock and symbols also where its server is asked.

        Raises:
            ConfigError: The day lies outside the data.
        """
        sample = Sample(settings.stocks_sample_as_of)
        return StandIn(transport=SampleTransport(sample), now=sample.now(), symbols=frozenset(sample.symbols()))
