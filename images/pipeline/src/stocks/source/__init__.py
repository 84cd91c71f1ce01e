"""The provider of prices: Alpha Vantage over HTTP, or the sample that answers in its place.

endpoint    what is asked for and what comes back
catalogue   the provider's error texts, word for word
answers     tells the provider's answers apart (nearly all come with HTTP 200)
redaction   keeps the API key out of bodies, logs and errors
client      requests with time-outs, retries and a budget
actions     splits and dividends recovered from adjusted closes
sample      real prices of five companies in the provider's format, as of a day
sample_api  the sample over HTTP, with switches for every fault
"""

from stocks.source.client import RequestBudget, Source, Unlimited, open_source
from stocks.source.endpoint import Answer, Endpoint

__all__ = ["Answer", "Endpoint", "RequestBudget", "Source", "Unlimited", "open_source"]
