-- What the record has taken of a gateway's own history: from when on, up to when, where the next reading begins, and which
-- connections ended lately and have their CDR ("ID:MICROSECONDS", separated by spaces). NULL where nothing.
ALTER TABLE gateways ADD COLUMN history_since INTEGER;
ALTER TABLE gateways ADD COLUMN history_read_to INTEGER;
ALTER TABLE gateways ADD COLUMN history_cursor TEXT;
ALTER TABLE gateways ADD COLUMN history_recent TEXT;
