-- What was asked of the server besides reading: who, from where, what, when, and what came of it. at: microseconds
-- since 1970-01-01T00:00:00Z on the record's timeline. refused: 1 where nothing was carried out; such rows have a
-- bound of their own, so that no flood of them drives the others out.
CREATE TABLE controls (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    refused  INTEGER NOT NULL,
    json     TEXT    NOT NULL
) STRICT;

CREATE INDEX controls_by_kind ON controls (refused, sequence);
