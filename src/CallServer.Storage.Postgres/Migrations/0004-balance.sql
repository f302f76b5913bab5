-- What the gateway's running total says of calls that nobody saw: numbers, separated by spaces. NULL where it never told one.
ALTER TABLE gateways ADD COLUMN balance text;
