"""Stock prices from raw provider answers (bronze) to typed bars (silver) and a tested star schema (gold).

Modules in the direction that data flows; each imports only what stands before it:

    errors, settings, universe, trading_calendar, steps    data and definitions only
    providers    the protocol of a source of prices, the one HTTP client, and a folder for each provider
    bronze       the object store of raw answers
    silver       decoded answers -> typed bars and rejects, no I/O
    warehouse    migrations, COPY and upsert, request budget, run log, read-only queries
    gold         runs dbt, records what its tests found, publishes
    local        the embedded PostgreSQL, and the runner that calls the steps in one process
    cli          the commands
"""
