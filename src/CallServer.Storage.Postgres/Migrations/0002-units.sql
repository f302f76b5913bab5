-- Several hosts may write one record: each gateway belongs to a unit, and one host at a time holds a unit.

-- One row a unit. epoch: how often it was taken; what was made under a lower one is refused. writer: who took it last, in
-- writers; a database that has lost a claim may give its epoch a second time. owner: a host as the membership names it; NULL if
-- the unit is free.
CREATE TABLE unit (
    id               integer PRIMARY KEY,
    epoch            bigint NOT NULL DEFAULT 0,
    writer           bigint,
    owner_address    text COLLATE "C",
    owner_port       integer,
    owner_generation integer,
    taken_at         timestamptz
) WITH (fillfactor = 50);

-- One row a host that ever wrote together with others: one start of one process. stamp: how many transactions it wrote.
-- ahead_least, ahead_most: by how many microseconds this database's clock was ahead of the host's timeline when it showed told.
CREATE TABLE writers (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    holder      uuid   NOT NULL UNIQUE,
    name        text   NOT NULL,
    stamp       bigint NOT NULL,
    ahead_least bigint NOT NULL,
    ahead_most  bigint NOT NULL,
    told        bigint NOT NULL
) WITH (fillfactor = 10);

-- On which writer's timeline the rows of a gateway are; NULL: on that of a server that wrote alone.
ALTER TABLE gateways ADD COLUMN timeline bigint;
