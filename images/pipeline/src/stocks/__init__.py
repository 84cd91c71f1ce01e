"""Stock prices from raw provider answers (bronze) to typed bars (silver) and a tested star schema (gold).

Modules in the direction that data flows; each imports only what stands before it:

    errors, settings, universe, trading_calendar, steps    data and definitions only
    source       the provider's client, and the sample that answers in its place
    bronze       the object store of raw answers
    silver       payload bytes -> typed bars and rejects, no I/O
    warehouse    migrations, COPY and upsert, request budget, run log, read-only queries
    gold         runs dbt, records what its tests found, publishes
    local        the embedded PostgreSQL, and the runner that calls the steps in one process
    cli          the commands
"""
