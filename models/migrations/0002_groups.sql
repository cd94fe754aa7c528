-- Groups have documents, which are counted like the members.
ALTER TABLE actors ADD COLUMN documents_count BIGINT NOT NULL DEFAULT 0;

-- The names of an actor, case-folded, for the search among followers. What is
-- there already is folded as far as the database can; the rest comes with the
-- next change of the profile. A NUL in a name, which JSON can hold and the
-- database cannot, has the name left out.
ALTER TABLE actors ADD COLUMN names_folded TEXT NOT NULL DEFAULT '';
UPDATE actors SET names_folded = nickname_folded WHERE doc LIKE '%u0000%';
UPDATE actors SET names_folded = LOWER(COALESCE({doc} ->> 'displayName', '')) || '
' || nickname_folded WHERE names_folded = '' AND doc NOT LIKE '%u0000%';

-- The inbox of a group is read by others than the group: what stands there and
-- is not public gets the class that keeps it from strangers, see class above in
-- the first step, and each class is counted anew.
UPDATE stream_items SET class = class + 4 WHERE kind = 1 AND class IN (0, 1)
	AND owner_id IN (SELECT id FROM actors WHERE type = 'group')
	AND activity_id IN (SELECT id FROM activities WHERE visibility = 2 OR object_post <> 0);
UPDATE stream_items SET ordinal = (SELECT COUNT(*) FROM stream_items o WHERE o.owner_id = stream_items.owner_id
		AND o.kind = 1 AND o.class = stream_items.class AND o.position <= stream_items.position)
	WHERE kind = 1 AND owner_id IN (SELECT id FROM actors WHERE type = 'group');

-- The public stream has the kind 3 and the owner 0. It begins with what is in
-- the outboxes of people here, in the order in which it was done.
INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal)
	SELECT 0, 3, s.class, s.position, s.activity_id, ROW_NUMBER() OVER (PARTITION BY s.class ORDER BY s.position)
	FROM stream_items s JOIN activities a ON a.id = s.activity_id
	WHERE s.kind = 2 AND s.class IN (0, 1) AND a.visibility = 0 AND a.object_post = 0;
