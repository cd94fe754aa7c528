-- The id that an actor has on a network, where documents of that network name
-- the actor by it; '' where that is the id of the profile.
ALTER TABLE presences ADD COLUMN iri TEXT NOT NULL DEFAULT '';

-- What other servers brought and has not been dealt with yet: it is kept here
-- before they are answered. process is the name of the process that works on it;
-- next_attempt is 0 until an attempt has failed. Rows are removed by the
-- transaction that does what they say.
CREATE TABLE arrivals (
	id BIGINT PRIMARY KEY,
	process TEXT NOT NULL,
	next_attempt BIGINT NOT NULL,
	attempts SMALLINT NOT NULL,
	network TEXT NOT NULL,
	sender_id BIGINT NOT NULL,
	recipient_id BIGINT NOT NULL,
	verified TEXT NOT NULL,
	content_type TEXT NOT NULL,
	received BIGINT NOT NULL,
	bytes {bytes} NOT NULL
);
-- What a process has to work on: in the order of its coming, and what is due again.
CREATE INDEX arrivals_by_process ON arrivals (process, next_attempt, id);

-- Where activities of people here went, so that an update or a deletion goes to
-- the same places, whoever follows by then. A row has the inboxes of up to a
-- hundred, a line each. It goes with what was posted.
CREATE TABLE sent (
	activity_id BIGINT NOT NULL,
	id BIGINT NOT NULL,
	network TEXT NOT NULL,
	inboxes TEXT NOT NULL,
	PRIMARY KEY (activity_id, id)
) {without rowid};

-- Other servers that do not take deliveries at the moment; host has the port
-- where there is one. failures counts the attempts in a row that failed since
-- failing_since; before next_try nothing is sent there.
CREATE TABLE failing_hosts (
	host TEXT PRIMARY KEY,
	failing_since BIGINT NOT NULL,
	failures BIGINT NOT NULL,
	next_try BIGINT NOT NULL
);

-- Those deliveries of one state that the admin looks for, newest first.
CREATE INDEX delivery_failures_by_state ON delivery_failures (state, id);

-- Actors that were found to be one with another, to follow when that one is merged
-- itself.
CREATE INDEX actors_merged ON actors (merged_into) WHERE merged_into <> 0;
