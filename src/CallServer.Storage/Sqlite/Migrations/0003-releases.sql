-- Every attempt of an operator to have a connection ended: who, why, and what came of it. Never deleted.
CREATE TABLE releases (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway  TEXT    NOT NULL,
    json     TEXT    NOT NULL
) STRICT;

CREATE INDEX releases_by_gateway ON releases (gateway, sequence);
