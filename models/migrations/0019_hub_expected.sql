-- Whom the hub is about to ask whether they meant a subscription: what is published
-- from before they are asked is kept for them, and sent when they have confirmed.
-- request names what they have asked for, 0 for those who have confirmed.
ALTER TABLE hub_subscribers ADD COLUMN request BIGINT NOT NULL DEFAULT 0;
-- Those who do not confirm are found by what they asked for.
CREATE INDEX hub_subscribers_by_request ON hub_subscribers (request) WHERE request <> 0;
