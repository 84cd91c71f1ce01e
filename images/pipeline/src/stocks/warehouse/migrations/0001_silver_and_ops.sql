-- Silver and the run log. The three roles exist already: they belong to the server, not to the database
-- (the embedded server and the chart's job make them), and are members of one another, so that one login
-- may be narrowed by `set role`: owner > writer > reader.

create schema silver;
create schema ops;
create schema gold;       -- what readers read: the last build whose tests passed
create schema gold_next;  -- where the next build is made and tested
create schema snapshots;  -- history that can't be rebuilt: never swapped, never dropped

create table silver.price_bar (
    symbol            text             not null,
    interval          text             not null check (interval in ('daily', 'weekly')),
    price_date        date             not null,
    open              double precision not null,
    high              double precision not null,
    low               double precision not null,
    close             double precision not null,
    adjusted_close    double precision not null,
    volume            bigint           not null,
    dividend_amount   double precision not null,
    split_coefficient double precision not null,
    is_final          boolean          not null,
    source            text             not null,
    bronze_key        text             not null,
    observed_at       timestamptz      not null,
    primary key (symbol, interval, price_date)
);
comment on table silver.price_bar is 'A symbol''s bar as the provider last told it.';
comment on column silver.price_bar.interval is 'daily, or weekly (the bar of an ISO week, dated by its last session).';
comment on column silver.price_bar.price_date is 'The exchange''s local date.';
comment on column silver.price_bar.close is 'As traded; so are open, high and low. In the listing''s quote unit (London: pence).';
comment on column silver.price_bar.adjusted_close is 'Close adjusted by the provider for splits and dividends; it is restated at every action.';
comment on column silver.price_bar.volume is 'Shares, as traded.';
comment on column silver.price_bar.is_final is 'Whether the session was over and settled when the bar was observed.';
comment on column silver.price_bar.observed_at is 'When the provider gave this value, by the source''s clock.';

create table silver.rejected_bar (
    bronze_key  text        not null,
    symbol      text        not null,
    interval    text        not null,
    price_date  text,
    rule        text        not null,
    reason      text        not null,
    raw         jsonb       not null,
    observed_at timestamptz not null
);
create index rejected_bar_by_key on silver.rejected_bar (bronze_key);
create index rejected_bar_by_symbol on silver.rejected_bar (symbol, interval);
comment on table silver.rejected_bar is 'Every raw row that broke a rule; nothing is dropped in silence.';

create table silver.restatement (
    symbol         text             not null,
    interval       text             not null,
    observed_at    timestamptz      not null,
    bars_changed   integer          not null check (bars_changed > 0),
    first_date     date             not null,
    last_date      date             not null,
    largest_factor double precision not null,
    bronze_key     text             not null,
    primary key (bronze_key)
);
comment on table silver.restatement is 'An answer that changed final bars which silver held already.';
comment on column silver.restatement.largest_factor is
    'New over old adjusted close, of the bar where that is furthest from 1: 0.5 is a two-for-one split.';

create table silver.company (
    symbol          text        not null primary key,
    company_name    text,
    asset_type      text,
    exchange        text,
    currency        text,
    country         text,
    sector          text,
    industry        text,
    fiscal_year_end text,
    observed_at     timestamptz not null,
    bronze_key      text        not null
);
comment on table silver.company is
    'Attributes from OVERVIEW answers, where any were fetched. The universe''s own stay in dbt''s seed; gold joins the two.';

create table ops.run (
    run_id      uuid        not null primary key,
    command     text        not null,
    source      text,
    series      text,
    started_at  timestamptz not null default now(),
    finished_at timestamptz,
    exit_code   integer,
    message     text
);
comment on column ops.run.exit_code is 'As in sysexits.h; null while it runs, and for a run that was killed.';

create table ops.step (
    run_id      uuid        not null references ops.run,
    step        text        not null,
    batch       text        not null default '',
    started_at  timestamptz not null,
    finished_at timestamptz not null default now(),
    exit_code   integer     not null,
    detail      jsonb       not null default '{}',
    primary key (run_id, step, batch)
);

create table ops.bronze_object (
    load_id         bigint      generated always as identity primary key,
    bronze_key      text        not null unique,
    symbol          text        not null,
    interval        text,
    source          text        not null,
    endpoint        text        not null,
    observed_at     timestamptz not null,
    normalized_at   timestamptz not null default now(),
    status          text        not null check (status in ('loaded', 'superseded', 'refused')),
    message         text        not null default '',
    bars_inserted   integer     not null default 0,
    bars_restated   integer     not null default 0,
    bars_replaced  integer     not null default 0,
    bars_unchanged  integer     not null default 0,
    bars_withdrawn  integer     not null default 0,
    bars_rejected   integer     not null default 0,
    bars_changed    integer     generated always as (bars_inserted + bars_restated + bars_replaced + bars_withdrawn) stored
);
create index bronze_object_by_symbol on ops.bronze_object (symbol, interval, observed_at);
comment on table ops.bronze_object is 'Which bronze objects were normalized, and what each of them changed.';
comment on column ops.bronze_object.interval is 'Null for an object that is no series (OVERVIEW).';
comment on column ops.bronze_object.status is
    'loaded; superseded: a newer answer was loaded before, so only missing bars were added; refused: see message.';
comment on column ops.bronze_object.bars_replaced is 'Provisional bars that a newer answer replaced: no restatement.';
comment on column ops.bronze_object.bars_withdrawn is
    'Provisional bars that the answer no longer has (a partial week ends on another day).';

create table ops.api_budget (
    budget_key   text        not null,
    day          date        not null,
    used         integer     not null check (used >= 0),
    next_slot_at timestamptz not null,
    exhausted_at timestamptz,
    primary key (budget_key, day)
);
comment on table ops.api_budget is 'Requests made a day with one API key, shared by every process that uses it.';
comment on column ops.api_budget.budget_key is 'The provider and a fingerprint of the key; never the key.';
comment on column ops.api_budget.next_slot_at is 'No request before this moment: they are spread evenly.';
comment on column ops.api_budget.exhausted_at is 'When the provider said that the day''s quota is spent.';

create table ops.gold_build (
    build_id     bigint      generated always as identity primary key,
    run_id       uuid        not null references ops.run,
    started_at   timestamptz not null default now(),
    finished_at  timestamptz,
    load_id      bigint      not null,
    fingerprint  text        not null,
    full_refresh boolean     not null,
    published_at timestamptz,
    message      text
);
comment on column ops.gold_build.load_id is 'The newest row of ops.bronze_object that the build had seen.';
comment on column ops.gold_build.fingerprint is 'SHA-256 over the dbt project: another project builds other rows.';
comment on column ops.gold_build.published_at is 'When its schema became gold; null where it failed.';

create table ops.data_quality (
    build_id   bigint      not null references ops.gold_build,
    rule       text        not null,
    model      text        not null,
    severity   text        not null check (severity in ('error', 'warn')),
    status     text        not null,
    failures   integer     not null,
    message    text        not null default '',
    checked_at timestamptz not null,
    primary key (build_id, rule)
);
comment on table ops.data_quality is 'What each dbt test found, a row a rule and build, of failed builds too.';

alter schema gold owner to stocks_owner;
alter schema gold_next owner to stocks_owner;
alter schema snapshots owner to stocks_owner;

grant usage on schema silver, ops, gold, gold_next, snapshots to stocks_reader;
grant select on all tables in schema silver, ops to stocks_reader;
grant insert, update, delete on all tables in schema silver, ops to stocks_writer;
grant maintain on all tables in schema silver, ops to stocks_writer; -- analyze, after a load
alter default privileges for role stocks_owner in schema gold grant select on tables to stocks_reader;
alter default privileges for role stocks_owner in schema gold_next grant select on tables to stocks_reader;
alter default privileges for role stocks_owner in schema snapshots grant select on tables to stocks_reader;
