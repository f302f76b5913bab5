-- The record. Times are microseconds since 1970-01-01T00:00:00Z on the record's timeline; NULL is unknown or an open end.
-- Texts compare octet by octet (COLLATE "C"), so that no change of the system's locales upsets an index. Keys begin with the
-- gateway, so that gateways can be divided among servers.

CREATE TABLE meta (
    key   text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

-- One row: the highest numbers given, who may write, and how many transactions wrote. Every transaction updates it, so that
-- numbers become visible in their order, and a server whose record another one has opened writes nothing any more.
CREATE TABLE numbers (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    holder     uuid,
    stamp      bigint NOT NULL DEFAULT 0,
    changes    bigint NOT NULL DEFAULT 0,
    cdrs       bigint NOT NULL DEFAULT 0,
    accounting bigint NOT NULL DEFAULT 0,
    audits     bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

INSERT INTO numbers DEFAULT VALUES;

-- Which numbers are in which partition: from first on, below until.
CREATE TABLE partitions (
    parent text   NOT NULL,
    first  bigint NOT NULL,
    until  bigint NOT NULL,
    PRIMARY KEY (parent, first)
);

-- One row a gateway: its part of the ledger without its connections. audits: how many were ever written.
CREATE TABLE gateways (
    gateway            text COLLATE "C" PRIMARY KEY,
    absences_to_close  integer NOT NULL,
    ids_tied_to_boot   boolean NOT NULL,
    reuses_ids         boolean NOT NULL,
    staleness_micros   bigint  NOT NULL,
    drift_ppm          double precision NOT NULL,
    boot_token         text,
    boot_scope         text,
    boot_earliest      bigint,
    boot_latest        bigint,
    boot_period_micros bigint,
    boot_read_at       bigint,
    run                integer NOT NULL,
    run_earliest       bigint,
    run_latest         bigint,
    last_asked         bigint,
    last_answered      bigint,
    completes          text    NOT NULL,
    history_since      bigint,
    history_read_to    bigint,
    history_cursor     text,
    history_recent     text,
    opened_total       bigint  NOT NULL,
    closed_total       bigint  NOT NULL,
    conflicts_total    bigint  NOT NULL,
    step               bigint  NOT NULL,
    steps_since        bigint  NOT NULL,
    heard              bytea,
    audits             bigint  NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- One row an active connection. What a column means stands in ConnectionRow.
CREATE TABLE connections (
    gateway           text COLLATE "C" NOT NULL,
    id                text COLLATE "C" NOT NULL,
    stamp             text,
    boot_token        text,
    run               integer NOT NULL,
    setup_earliest    bigint,
    setup_latest      bigint,
    setup_evidence    text,
    start_earliest    bigint,
    start_latest      bigint,
    start_evidence    text    NOT NULL,
    call              text,
    endpoint          text,
    originator        text,
    remote            text,
    direction         text,
    codec             text,
    clock_rate        integer,
    dscp              integer,
    service           text,
    qos_reported      text,
    mode              text,
    state             text,
    local_media       text,
    remote_media      text,
    other_media       text,
    first_heard       bigint  NOT NULL,
    last_heard        bigint  NOT NULL,
    confirmed_count   integer NOT NULL,
    status            text    NOT NULL,
    recovered         boolean NOT NULL,
    absences          integer NOT NULL,
    conflicts         integer NOT NULL,
    conflict_at       bigint,
    conflict_earliest bigint,
    conflict_latest   bigint,
    step              bigint  NOT NULL,
    PRIMARY KEY (gateway, id)
) WITH (fillfactor = 80);

-- Rows of the ledger that could not be understood, copied here before anything took their place.
CREATE TABLE set_aside (
    sequence   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         bigint NOT NULL,
    gateway    text   NOT NULL,
    connection text,
    why        text   NOT NULL,
    columns    json   NOT NULL
);

-- One row a CDR. json is the CDR; the rest serves queries: it is looked for without reading JSON, which would not let a NUL pass.
-- originator_last4, remote_last4: as it is shown where numbers are hidden, if that differs.
CREATE TABLE cdrs (
    sequence         bigint  NOT NULL PRIMARY KEY,
    id               text COLLATE "C" NOT NULL,
    reuse            bigint  NOT NULL,
    gateway          text COLLATE "C" NOT NULL,
    connection       text COLLATE "C" NOT NULL,
    ended_at         bigint  NOT NULL,
    call             text COLLATE "C",
    originator       text COLLATE "C",
    originator_last4 text COLLATE "C",
    remote           text COLLATE "C",
    remote_last4     text COLLATE "C",
    read_codec       text COLLATE "C",
    hangup_cause     text COLLATE "C",
    end_evidence     text COLLATE "C",
    recovered        boolean NOT NULL,
    json             text    NOT NULL
) PARTITION BY RANGE (sequence);

CREATE INDEX cdrs_by_gateway ON cdrs (gateway, sequence);
CREATE INDEX cdrs_by_end ON cdrs (ended_at);

-- What makes a CDR one: a unique index of a partitioned table must hold the number by which it is divided, and says nothing about
-- the id alone. reuse: 0, but the latest end where the gateway uses ids again.
CREATE TABLE cdr_ids (
    id       text COLLATE "C" NOT NULL,
    reuse    bigint NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (id, reuse)
);

CREATE INDEX cdr_ids_by_sequence ON cdr_ids USING brin (sequence);

-- The newest changes, for clients that follow the record. at: when it happened.
CREATE TABLE changes (
    sequence   bigint NOT NULL PRIMARY KEY,
    kind       text   NOT NULL,
    gateway    text COLLATE "C" NOT NULL,
    connection text COLLATE "C",
    at         bigint NOT NULL,
    json       text   NOT NULL
) PARTITION BY RANGE (sequence);

CREATE INDEX changes_by_connection ON changes (gateway, connection, sequence) WHERE connection IS NOT NULL;

-- The newest audits of each gateway. number: how many of this gateway were written up to this one.
CREATE TABLE audits (
    sequence bigint NOT NULL PRIMARY KEY,
    gateway  text COLLATE "C" NOT NULL,
    number   bigint NOT NULL,
    json     text   NOT NULL
) PARTITION BY RANGE (sequence);

CREATE INDEX audits_by_gateway ON audits (gateway, sequence);

-- Audits that are still among the newest of their gateway although their partition is gone: of gateways that are seldom asked.
CREATE TABLE audits_kept (
    sequence bigint NOT NULL PRIMARY KEY,
    gateway  text COLLATE "C" NOT NULL,
    number   bigint NOT NULL,
    json     text   NOT NULL
);

CREATE INDEX audits_kept_by_gateway ON audits_kept (gateway, sequence);

CREATE VIEW every_audit AS SELECT * FROM audits UNION ALL SELECT * FROM audits_kept;

-- Every attempt of an operator to have a connection ended. Never deleted.
CREATE TABLE releases (
    sequence bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    gateway  text COLLATE "C" NOT NULL,
    json     text NOT NULL
);

CREATE INDEX releases_by_gateway ON releases (gateway, sequence);

-- The outbox: what its readers have not all taken yet. kind: start, interim or stop. held: for no reader until it is released.
CREATE TABLE accounting (
    sequence bigint  NOT NULL PRIMARY KEY,
    kind     text    NOT NULL,
    id       text COLLATE "C" NOT NULL,
    gateway  text COLLATE "C" NOT NULL,
    held     boolean NOT NULL,
    at       bigint  NOT NULL,
    json     text    NOT NULL
);

CREATE INDEX accounting_held ON accounting (sequence) WHERE held;

-- How far each reader of the outbox has come.
CREATE TABLE marks (
    reader   text COLLATE "C" PRIMARY KEY,
    sequence bigint NOT NULL
);

-- What each takeover brought back: the newest reports.
CREATE TABLE recoveries (
    sequence bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    json     text NOT NULL
);

-- The newest steps of the wall clock. by_micros: how far forward it was put.
CREATE TABLE clock_steps (
    sequence  bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at        bigint NOT NULL,
    by_micros bigint NOT NULL,
    UNIQUE (at, by_micros)
);

-- What was asked of the server besides reading. refused: such rows have a bound of their own.
CREATE TABLE controls (
    sequence bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at       bigint  NOT NULL,
    refused  boolean NOT NULL,
    json     text    NOT NULL
);

CREATE INDEX controls_by_kind ON controls (refused, sequence);
