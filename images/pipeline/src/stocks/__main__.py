"""`python -m stocks` is `stocks`."""

from stocks.cli import main

main()
