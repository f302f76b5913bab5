-- The record. Times are microseconds since 1970-01-01T00:00:00Z on the record's timeline; NULL is unknown or
-- an open end. STRICT: what is in a column is of the column's type.

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

-- One row a gateway: its part of the ledger without its connections.
CREATE TABLE gateways (
    gateway            TEXT    NOT NULL PRIMARY KEY,
    absences_to_close  INTEGER NOT NULL,
    ids_tied_to_boot   INTEGER NOT NULL,
    reuses_ids         INTEGER NOT NULL,
    staleness_micros   INTEGER NOT NULL,
    drift_ppm          REAL    NOT NULL,
    boot_token         TEXT,
    boot_scope         TEXT,
    boot_earliest      INTEGER,
    boot_latest        INTEGER,
    boot_period_micros INTEGER,
    boot_read_at       INTEGER,
    run                INTEGER NOT NULL,
    run_earliest       INTEGER,
    run_latest         INTEGER,
    last_asked         INTEGER,
    last_answered      INTEGER,
    completes          TEXT    NOT NULL,
    opened_total       INTEGER NOT NULL,
    closed_total       INTEGER NOT NULL,
    conflicts_total    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row an active connection. Clustered by gateway, so that a snapshot touches few pages.
CREATE TABLE connections (
    gateway           TEXT    NOT NULL REFERENCES gateways (gateway),
    id                TEXT    NOT NULL,
    stamp             TEXT,
    boot_token        TEXT,
    run               INTEGER NOT NULL,
    setup_earliest    INTEGER,
    setup_latest      INTEGER,
    setup_evidence    TEXT,
    start_earliest    INTEGER,
    start_latest      INTEGER,
    start_evidence    TEXT    NOT NULL,
    call              TEXT,
    endpoint          TEXT,
    originator        TEXT,
    remote            TEXT,
    codec             TEXT,
    clock_rate        INTEGER,
    dscp              INTEGER,
    service           TEXT,
    qos_reported      TEXT,
    mode              TEXT,
    state             TEXT,
    local_media       TEXT,
    remote_media      TEXT,
    first_heard       INTEGER NOT NULL,
    last_heard        INTEGER NOT NULL,
    confirmed_count   INTEGER NOT NULL,
    status            TEXT    NOT NULL,
    recovered         INTEGER NOT NULL,
    absences          INTEGER NOT NULL,
    conflicts         INTEGER NOT NULL,
    conflict_at       INTEGER,
    conflict_earliest INTEGER,
    conflict_latest   INTEGER,
    PRIMARY KEY (gateway, id)
) STRICT, WITHOUT ROWID;

-- One row a CDR, never changed and never deleted. `json` is the CDR; the rest serves queries.
-- reuse: 0, but the latest end where the gateway uses ids again and states no stamp, so that the id alone is
-- no key.
CREATE TABLE cdrs (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL,
    reuse      INTEGER NOT NULL,
    gateway    TEXT    NOT NULL,
    connection TEXT    NOT NULL,
    ended_at   INTEGER NOT NULL,
    json       TEXT    NOT NULL,
    UNIQUE (id, reuse)
) STRICT;

CREATE INDEX cdrs_by_gateway ON cdrs (gateway, sequence);
CREATE INDEX cdrs_by_end ON cdrs (ended_at);

-- The newest changes, for clients that follow the record.
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT    NOT NULL,
    gateway  TEXT    NOT NULL,
    json     TEXT    NOT NULL
) STRICT;
