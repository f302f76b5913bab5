-- The newest steps of the wall clock. at: microseconds since 1970-01-01T00:00:00Z on the record's timeline; by_micros: how
-- far forward it was put.
CREATE TABLE clock_steps (
    sequence  INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    by_micros INTEGER NOT NULL
) STRICT;
