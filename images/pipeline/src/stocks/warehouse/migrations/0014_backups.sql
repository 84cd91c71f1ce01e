-- A backup is read by the reader, and keeps the numbers that were given: none is given twice, also after a restore.
-- Code of 0012 lives with this.

grant select on all sequences in schema silver, ops to stocks_reader;
