-- The newest answer is the series: final bars that it lacks are withdrawn, and told like a restatement.

alter table silver.restatement add column bars_withdrawn integer not null default 0 check (bars_withdrawn >= 0);
comment on table silver.restatement is 'An answer that changed or withdrew final bars which silver held already.';
comment on column silver.restatement.bars_changed is 'Final bars that have other values now, or are withdrawn.';
comment on column silver.restatement.bars_withdrawn is 'Those of them that the answer no longer has.';
comment on column silver.restatement.largest_factor is
    'New over old adjusted close, of the bar where that is furthest from 1: 0.5 is a two-for-one split; 1 where all were withdrawn.';
comment on column ops.bronze_object.status is
    'loaded; superseded: a newer answer was loaded before, so nothing was taken; refused: see message.';
comment on column ops.bronze_object.bars_withdrawn is 'Bars that the answer no longer has, provisional and final.';

-- Which series are held is asked at every page and status; refusals are few among the answers of years.
create index bronze_object_refused on ops.bronze_object (symbol, interval, source, observed_at) where status = 'refused';

alter table ops.bronze_object add column rule text not null default '';
comment on column ops.bronze_object.rule is 'Which rule about whole answers a refused one breaks; empty for all others.';

create table ops.accepted_fault (
    bronze_key  text        not null,
    rule        text        not null,
    symbol      text        not null,
    accepted_by text        not null,
    accepted_at timestamptz not null default now(),
    primary key (bronze_key, rule)
);
comment on table ops.accepted_fault is
    'Answers that a person took though they break a rule; a replay takes them, too. A later answer is judged anew.';

grant select on ops.accepted_fault to stocks_reader;
grant insert, update, delete on ops.accepted_fault to stocks_writer;
grant maintain on ops.accepted_fault to stocks_writer;
