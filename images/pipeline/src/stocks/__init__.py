"""Stock prices from raw provider answers (bronze) to typed bars (silver) and a tested star schema (gold).

Rooms in the direction in which data flow; each imports only what stands above it (`make check` asks import-linter):

    errors             what can go wrong, and whether another try is worth it
    settings           the environment, read in one place
    outcome, report    what a step did; what it tells while it works
    universe           the symbols, from dbt's seeds
    trading_calendar   when an exchange holds a session, and when its prices are final
    providers          where prices come from: a protocol, a folder for each provider, one HTTP client
    bronze             the object store of raw answers, and extract, which fills it
    silver             judges an answer's rows: bars, rejects, refusals; no I/O and no provider's format
    warehouse          connections, migrations, normalize and replay, the request budget, the run log, is gold due
    cluster            Argo's objects by the Kubernetes API
    gold               the books around a build by dbt: begin, judge, publish; argodbt does the building
    steps              the one list of what runs: name, order, options, needs, and the function
    run                executes steps: opens what they need, logs them, gives the code; on a laptop and in pods
    embedded           PostgreSQL from a wheel, for a machine that has no warehouse
    cli                arguments and tables; the commands of steps are made from the list
"""
