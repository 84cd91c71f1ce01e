"""The pages in the order of the menu: a module here, and a line in this list."""

from stocks_dashboard.page import Page
from stocks_dashboard.views import compare, health, market, overview, stock

PAGES: tuple[Page, ...] = (
    overview.PAGE,
    compare.PAGE,
    stock.PAGE,
    market.PAGE,
    health.PAGE,
)
