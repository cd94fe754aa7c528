-- Who is behind an inbox, for networks that write to each by name. Addresses may be
-- longer than an index of PostgreSQL takes.
CREATE INDEX presences_by_inbox ON presences (network, substr(inbox, 1, 500));
