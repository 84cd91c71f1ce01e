-- What a provider told of a company is kept with the time when it did: gold's history of a stock follows it.

alter table silver.company drop constraint company_pkey;
alter table silver.company add primary key (symbol, observed_at);
comment on table silver.company is
    'Attributes from OVERVIEW answers, where any were fetched, a row an answer. The universe''s own stay in dbt''s seed; gold joins the two.';
