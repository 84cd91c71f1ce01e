-- The first rows that break a rule, as objects: their number alone tells nobody where to look.

alter table ops.data_quality add column examples json not null default '[]';
