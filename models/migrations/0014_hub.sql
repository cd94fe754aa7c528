-- Servers that have subscribed to a feed of ours. owner_id is whose feed it is.
-- place is the position of the last publication that the subscriber has. Nothing
-- is sent before next_try; 0 is for those who wait for nothing. hold names the
-- batch of deliveries that has the subscriber until then, 0 for none.
CREATE TABLE hub_subscribers (
	id BIGINT PRIMARY KEY,
	topic TEXT NOT NULL,
	callback TEXT NOT NULL,
	host TEXT NOT NULL,
	owner_id BIGINT NOT NULL,
	secret {bytes} NOT NULL,
	algorithm TEXT NOT NULL,
	expires BIGINT NOT NULL,
	place BIGINT NOT NULL,
	failures BIGINT NOT NULL,
	failing_since BIGINT NOT NULL,
	next_try BIGINT NOT NULL,
	hold BIGINT NOT NULL
);
-- One subscription for each topic and callback.
CREATE UNIQUE INDEX hub_subscribers_by_callback ON hub_subscribers (topic, callback);
-- Who is behind, and how far the last one is.
CREATE INDEX hub_subscribers_by_place ON hub_subscribers (topic, place);
-- Whether anybody has subscribed to the feed of somebody.
CREATE INDEX hub_subscribers_by_owner ON hub_subscribers (owner_id, topic);
-- How many subscriptions a host has to a topic.
CREATE INDEX hub_subscribers_by_host ON hub_subscribers (topic, host);
-- Those who have not got everything, by when they are tried next.
CREATE INDEX hub_subscribers_due ON hub_subscribers (next_try) WHERE next_try > 0;
-- Leases that have ended, to remove them.
CREATE INDEX hub_subscribers_by_expiry ON hub_subscribers (expires);

-- What is new in feeds that somebody has subscribed to, in the order in which it
-- came about. Rows go when all subscribers of the topic have it.
CREATE TABLE hub_publications (
	topic TEXT NOT NULL,
	position BIGINT NOT NULL,
	activity_id BIGINT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (topic, position)
) {without rowid};
-- Publications that nobody waits for any more, to remove them.
CREATE INDEX hub_publications_by_age ON hub_publications (created);

-- What subscribers have asked for and have not confirmed yet: the last word of
-- each counts, and has an id of its own.
CREATE TABLE hub_requests (
	topic TEXT NOT NULL,
	callback TEXT NOT NULL,
	id BIGINT NOT NULL,
	host TEXT NOT NULL,
	mode TEXT NOT NULL,
	secret {bytes} NOT NULL,
	algorithm TEXT NOT NULL,
	lease BIGINT NOT NULL,
	verify_token TEXT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (topic, callback)
) {without rowid};
-- A request is found by the task that asks back.
CREATE UNIQUE INDEX hub_requests_by_id ON hub_requests (id);
-- How many requests of a host wait.
CREATE INDEX hub_requests_by_host ON hub_requests (host);
-- Requests that nobody confirmed, to remove them.
CREATE INDEX hub_requests_by_age ON hub_requests (created);
