-- Follows, and memberships of groups, that are in force by a network on which nobody
-- is asked for them, of people and groups elsewhere who have been found on a better
-- network since and have not accepted them there yet.
CREATE TABLE handovers (
	target_id BIGINT NOT NULL,
	actor_id BIGINT NOT NULL,
	kind SMALLINT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (target_id, actor_id, kind)
);
