-- What the readers of the record's accounting (CDR files, RADIUS) have not all taken yet: an outbox, filled in the
-- transaction that opened or ended the connection. kind: start, interim or stop. held: written by a standby, for
-- no reader until it is released. at: microseconds since 1970-01-01T00:00:00Z, when it was put here.
CREATE TABLE accounting (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    gateway  TEXT    NOT NULL,
    held     INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    json     TEXT    NOT NULL
) STRICT;

CREATE INDEX accounting_held ON accounting (sequence) WHERE held = 1;

-- The CDR file's mark stood in the table of CDRs: what comes after it moves over, and the mark begins anew.
INSERT INTO accounting (kind, id, gateway, held, at, json)
SELECT 'stop', id, gateway, 0, ended_at, json FROM cdrs
WHERE sequence > coalesce((SELECT value FROM meta WHERE key = 'mark:cdr-file'), 0)
ORDER BY sequence;

DELETE FROM meta WHERE key = 'mark:cdr-file';
