-- Which way a call goes as its gateway sees it, incoming or outgoing; null where the gateway does not tell.
ALTER TABLE connections ADD COLUMN direction TEXT;
