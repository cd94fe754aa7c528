-- What somebody elsewhere did as far as it is known here, by the time that it says
-- it was done: what was fetched afterwards comes in no order. Our own people have
-- their outboxes for that, and cost nothing here.
CREATE INDEX activities_elsewhere ON activities (actor_id, published, id) WHERE NOT local AND deleted = 0;
