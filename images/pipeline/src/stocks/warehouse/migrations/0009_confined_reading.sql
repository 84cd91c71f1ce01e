-- A statement of a person runs as the reader, whoever logged in: within a function that is defined so, PostgreSQL lets
-- nobody take another role back. Its rows are fetched within one, too, since that is when it runs.

grant create on schema ops to stocks_reader;
set local role stocks_reader;

create function ops.open_as_reader(statement text) returns void language plpgsql security definer as $$
declare
    opened refcursor := 'as_reader';
begin
    open opened no scroll for execute statement;
end
$$;
comment on function ops.open_as_reader is
    'Opens a cursor on a statement, in this transaction; its rows are those of fetch_as_reader.';

create function ops.fetch_as_reader(most integer) returns setof record language plpgsql security definer as $$
begin
    return query execute format('fetch forward %s from as_reader', most);
end
$$;
comment on function ops.fetch_as_reader is
    'The next rows of the statement of open_as_reader: a login with more roles than the reader can''t take them back in it.';

revoke execute on function ops.open_as_reader, ops.fetch_as_reader from public;
reset role;
revoke create on schema ops from stocks_reader;
