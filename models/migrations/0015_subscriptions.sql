-- The feeds of people and groups elsewhere that are read here because somebody
-- here follows them or is in them: one of each. token is the secret part of the
-- address at which the hub calls; topic is what the hub knows the feed by, feed
-- where it is read, hub '' where it has none. state is that of WebSub, '' where no
-- hub was asked. renew is when the hub is to be asked again, next_poll when the
-- feed is to be read again, 0 for never.
CREATE TABLE subscriptions (
	token TEXT PRIMARY KEY,
	actor_id BIGINT NOT NULL,
	topic TEXT NOT NULL,
	hub TEXT NOT NULL,
	feed TEXT NOT NULL,
	state TEXT NOT NULL,
	secret TEXT NOT NULL,
	next_secret TEXT NOT NULL,
	lease BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	reason TEXT NOT NULL,
	created BIGINT NOT NULL,
	renew BIGINT NOT NULL,
	polled BIGINT NOT NULL,
	next_poll BIGINT NOT NULL,
	etag TEXT NOT NULL,
	modified TEXT NOT NULL,
	failures BIGINT NOT NULL
);
-- There is one feed of each.
CREATE UNIQUE INDEX subscriptions_by_actor ON subscriptions (actor_id);
-- Feeds that are due to be read.
CREATE INDEX subscriptions_to_poll ON subscriptions (next_poll, token) WHERE next_poll <> 0;
-- Leases that are due to be renewed.
CREATE INDEX subscriptions_to_renew ON subscriptions (renew, token) WHERE renew <> 0;

-- Those who are on a network: whose feeds may have to be read.
CREATE INDEX presences_by_network ON presences (network, actor_id);
