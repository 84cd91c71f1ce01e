"""The steps of `stocks.steps` as Argo Workflows; `python -m stocks_workflows` writes workflows/rendered."""
