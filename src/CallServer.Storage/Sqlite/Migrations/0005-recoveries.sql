-- What each takeover brought back: the newest reports.
CREATE TABLE recoveries (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    json     TEXT NOT NULL
) STRICT;
