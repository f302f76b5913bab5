-- The newest audits of each gateway.
CREATE TABLE audits (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway  TEXT    NOT NULL,
    json     TEXT    NOT NULL
) STRICT;

CREATE INDEX audits_by_gateway ON audits (gateway, sequence);

-- Rows of the ledger that could not be understood, copied here before anything took their place. `columns`
-- is a JSON object: each column's value as an SQL literal.
CREATE TABLE set_aside (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    gateway    TEXT    NOT NULL,
    connection TEXT,
    why        TEXT    NOT NULL,
    columns    TEXT    NOT NULL
) STRICT;
