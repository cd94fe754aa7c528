package models_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"manifold/models"
	"manifold/models/vocab"
)

// filling makes a store in which reading a whole table would cost much more
// than an index. Actors have the ids 1 to 5,000, objects and activities 1 to
// 20,000. ann (1) is followed by many, follows many, and has long streams.
var filling = []string{
	fill(5_000, `INSERT INTO actors (id, version, type, nickname, nickname_folded, host, local, state, created, updated, doc)
		SELECT i, 1, 'person', 'n' || i, 'n' || i, CASE WHEN i % 2 = 0 THEN 'h' || (i % 50) ELSE '' END, i % 2 = 1, CASE WHEN i % 1000 = 0 THEN 1 ELSE 0 END, 0, 0, '{}' FROM n`),
	fill(40_000, `INSERT INTO presences (actor_id, network, inbox, shared_inbox, verified) SELECT i, 'pump', 'https://h/' || i, '', 0 FROM n WHERE i % 2 = 0`),
	fill(5_000, `INSERT INTO accounts (actor_id, nickname, nickname_folded, password_hash, email, admin, state, settings, created, updated)
		SELECT i, 'n' || i, 'n' || i, '', '', FALSE, 0, '{}', 0, 0 FROM n`),
	`UPDATE accounts SET email = 'n' || actor_id || '@them', email_folded = 'n' || actor_id || '@them', email_confirmed = actor_id % 2, notified = actor_id % 2 = 1`,
	fill(5_000, `INSERT INTO invitations (digest, created, expires) SELECT CAST('i' || i AS {{bytes}}), 0, i * 100000 FROM n`),
	fill(5_000, `INSERT INTO mail_codes (id, actor_id, purpose, used, created, expires) SELECT i, i, i % 2 + 1, FALSE, 0, i * CAST(3000000 AS BIGINT) FROM n`),
	fill(40_000, `INSERT INTO mail_code_copies (digest, code_id) SELECT CAST('m' || i AS {{bytes}}), i FROM n`),
	fill(500, `INSERT INTO signing_keys (name, secret) SELECT 'k' || i, CAST('k' || i AS {{bytes}}) FROM n`),
	fill(20_000, `INSERT INTO identifiers (kind, iri, ref_id) SELECT 2, 'https://us/object/' || i, 100000 + i FROM n`),
	fill(20_000, `INSERT INTO identifiers (kind, iri, ref_id) SELECT 3, 'https://us/activity/' || i, i FROM n`),
	fill(5_000, `INSERT INTO identifiers (kind, iri, ref_id) SELECT 1, 'acct:n' || i || '@us', i FROM n`),
	fill(20_000, `INSERT INTO objects (id, version, position, type, author_id, parent_id, activity_id, local, list_of, created, updated, doc)
		SELECT 100000 + i, 1, i, 'note', i % 5000, CASE WHEN i % 3 = 0 THEN i * 7 % 20000 + 100001 ELSE 0 END, i, TRUE, CASE WHEN i % 20 = 1 THEN 'person' ELSE '' END, 0, 0, '{}' FROM n`),
	fill(20_000, `INSERT INTO activities (id, version, verb, actor_id, object_kind, object_id, target_kind, target_id, visibility, local, published, updated, audience, doc)
		SELECT i, 1, 'post', i % 5000, 2, 100000 + i, 0, 0, CASE WHEN i % 2 = 0 THEN 0 ELSE 2 END, TRUE, 0, 0, '[]', '{}' FROM n`),
	fill(20_000, `INSERT INTO audience (activity_id, kind, recipient_id) SELECT i, i % 4 + 1, i % 5000 FROM n`),
	fill(20_000, `INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created)
		SELECT i % 4 + 1, i % 4999 + 2, i % 3989 + CASE WHEN i % 4 IN (1, 2) THEN 100001 ELSE 1 END, i, 1, i % 2 = 0, 0, 0 FROM n`),
	fill(300, `INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created)
		SELECT i % 4 + 1, 1, 10000 + i, 20000 + i, 1, TRUE, 0, 0 FROM n`),
	fill(300, `INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created)
		SELECT 1, 10000 + i, 1, 30000 + i, 1, i % 2 = 0, 0, 0 FROM n`),
	fill(2_000, `INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal) SELECT 1, 1, i % 4, i, i, i / 4 + 1 FROM n`),
	fill(2_000, `INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal)
		SELECT 1, 2, CASE i % 4 WHEN 2 THEN 4 WHEN 3 THEN 5 ELSE i % 4 END, i, i, i / 4 + 1 FROM n`),
	fill(40_000, `INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal) SELECT i % 4999 + 2, 1, i % 4, i, i, i / 5000 + 1 FROM n`),
	fill(3_000, `INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created)
		SELECT 5, i % 1000 + 1, i % 997 + 2000, 40000 + i, 1, TRUE, 0, 0 FROM n`),
	fill(20_000, `INSERT INTO hashtags (tag, activity_id, object_id) SELECT 'tag' || (i % 10), i, 100000 + i FROM n`),
	fill(20_000, `INSERT INTO search_words ({{thing}}, words) SELECT 100000 + i, {{word}} FROM n`),
	fill(20_000, `INSERT INTO delivery_failures (id, activity_id, inbox, network, state, attempts, reason, updated, next_attempt)
		SELECT i, i % 500, 'https://h/' || i, 'pump', 0, 1, '', 0, 0 FROM n`),
	fill(20_000, `INSERT INTO arrivals (id, process, next_attempt, attempts, network, sender_id, recipient_id, verified, content_type, received, bytes)
		SELECT i, 'p' || (i % 500), i % 7, 0, 'pump', i, 0, '', '', 0, '' FROM n`),
	fill(20_000, `INSERT INTO failing_hosts (host, failing_since, failures, next_try) SELECT 'h' || i, 1, 1, 1 FROM n`),
	fill(20_000, `INSERT INTO sent (activity_id, id, network, inboxes) SELECT i / 2, i, 'pump', 'https://h/' || i FROM n`),
	// 6000 is a group, and 0 has the public stream.
	fill(300, `INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created)
		SELECT 6, 100000 + i, 6000, 60000 + i, 1, FALSE, i, 0 FROM n`),
	fill(300, `INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created)
		SELECT 4, 100000 + i, 100021, 70000 + i, 1, FALSE, i, 0 FROM n`),
	fill(2_000, `INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal)
		SELECT 6000, 1, CASE i % 4 WHEN 2 THEN 4 WHEN 3 THEN 5 ELSE i % 4 END, i, i, i / 4 + 1 FROM n`),
	fill(2_000, `INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal) SELECT 0, 3, i % 2, 100000 + i, i, i / 2 + 1 FROM n`),
	// 8 is somebody elsewhere, who has done much and is asked by many.
	fill(300, `INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created)
		SELECT 1, 20000 + i, 8, 80000 + i, 0, TRUE, i, 0 FROM n`),
	fill(300, `INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created)
		SELECT 7, 8, 100000 + i, 90000 + i, 1, FALSE, i, 0 FROM n`),
	fill(300, `INSERT INTO activities (id, version, verb, actor_id, object_kind, object_id, target_kind, target_id, visibility, local, published, updated, audience, doc)
		SELECT 50000 + i, 1, 'post', 8, 0, 0, 0, 0, 0, FALSE, 0, 0, '[]', '{}' FROM n`),
	fill(5_000, `INSERT INTO votes (question_id, voter_id, choice, created) SELECT 100000 + i % 50, i, i % 3, 0 FROM n`),
	fill(20_000, `INSERT INTO quote_authorizations (id, iri, object_id, author_id, quote, quoter_id, activity_id, created)
		SELECT i, 'https://us/q/' || i, 100000 + i, 1, 'https://them/q/' || i, 2, i, 0 FROM n`),
	fill(5_000, `INSERT INTO reports (id, reporter_id, activity_id, actors, objects, content, created, resolved)
		SELECT i, 1, i, '[]', '[]', '', 0, CASE WHEN i > 4900 THEN 0 ELSE 1 END FROM n`),
	fill(5_000, `INSERT INTO moves (actor_id, target_id, activity_id, created) SELECT i, i + 1, 0, 0 FROM n`),
	fill(5_000, `INSERT INTO originals (id, ref_id, network, sender_id, verified, content_type, received, bytes) SELECT i, i, 'pump', 1, '', '', 0, '' FROM n`),
	fill(5_000, `INSERT INTO uploads (path, owner_id, object_id, position, media_type, size, thumbnail) SELECT 'p' || i, i % 100 + 1, 100000 + i * 4, i, '', 0, FALSE FROM n`),
	fill(5_000, `INSERT INTO upload_usage (owner_id, bytes) SELECT i, i FROM n`),
	fill(5_000, `INSERT INTO proxies (url, token, created) SELECT 'https://them/' || i, 'x' || i, 0 FROM n`),
	fill(5_000, `INSERT INTO clients (id, client_id, secret, application_name, application_type, contacts, logo_url, redirect_uris, created, updated)
		SELECT i, 'c' || i, '', '', '', '', '', '', 0, 0 FROM n`),
	fill(5_000, `INSERT INTO request_tokens (token, secret, client_id, callback, verifier, actor_id, used, created) SELECT 'r' || i, '', '', '', '', 1, FALSE, i * 10000 FROM n`),
	fill(5_000, `INSERT INTO access_tokens (token, secret, client_id, actor_id, created) SELECT 't' || i, '', 'c' || i, i * 37 % 5000 + 1, 0 FROM n`),
	fill(5_000, `INSERT INTO nonces (digest, expires) SELECT CAST('d' || i AS {{bytes}}), i * 10000 FROM n`),
	fill(5_000, `INSERT INTO sessions (id, actor_id, created, expires) SELECT CAST('s' || i AS {{bytes}}), i, 0, i * 10000 FROM n`),
	fill(5_000, `INSERT INTO bearer_tokens (digest, client_id, actor_id, scope, created, expires) SELECT CAST('b' || i AS {{bytes}}), 'c' || i, i * 37 % 5000 + 1, 1, 0, i * 10000 FROM n`),
	fill(5_000, `INSERT INTO authorization_codes (digest, client_id, actor_id, redirect_uri, scope, challenge, created)
		SELECT CAST('a' || i AS {{bytes}}), 'c' || i, i * 37 % 5000 + 1, '', 1, '', i * 10000 FROM n`),
	fill(5_000, `INSERT INTO actor_keys (actor_id, rsa, ed25519, created) SELECT i, '', '', 0 FROM n`),
	fill(20_000, `INSERT INTO remote_keys (iri, actor_id, spki, fetched) SELECT 'https://them/keys/' || i, i % 5000 + 1, '', 0 FROM n`),
	fill(20_000, `INSERT INTO handovers (target_id, actor_id, kind, created) SELECT i, i % 500, 1, 0 FROM n`),
	fill(20_000, `INSERT INTO subscriptions (token, actor_id, topic, hub, feed, state, secret, next_secret, lease, expires, reason, created, renew, polled, next_poll, etag, modified, failures)
		SELECT 't' || i, i, '', '', '', '', '', '', 0, 0, '', 0, i % 7, 0, i % 11, '', '', 0 FROM n`),
	fill(5_000, `INSERT INTO signature_specs (host, spec, updated) SELECT 'h' || i, 'rfc9421', 0 FROM n`),
	fill(20_000, `INSERT INTO hub_subscribers (id, topic, callback, host, owner_id, secret, algorithm, expires, place, failures, failing_since, next_try, hold)
		SELECT i, 't' || (i % 50), 'c' || i, 'h' || (i % 500), i % 50, '', 'sha1', 1000000 + i, i, i % 3, 0, CASE WHEN i % 7 = 0 THEN 1000000 + i ELSE 0 END, CASE WHEN i % 70 = 0 THEN 5 ELSE 0 END FROM n`),
	fill(20_000, `INSERT INTO hub_publications (topic, position, activity_id, created) SELECT 't' || (i % 50), 1000000 + i, i, 1000000 + i FROM n`),
	fill(5_000, `INSERT INTO hub_requests (topic, callback, id, host, mode, secret, algorithm, lease, verify_token, created)
		SELECT 't' || (i % 50), 'c' || i, i, 'h' || (i % 500), '', '', '', 0, '', 1000000 + i FROM n`),
	fill(5_000, `INSERT INTO remote_clients (host, client_id, secret, created) SELECT 'h' || i, '', '', 0 FROM n`),
	fill(5_000, `INSERT INTO remote_requests (token, host, secret, browser, return_to, created) SELECT 't' || i, 'h' || i, '', '', '', i * 10000 FROM n`),
	fill(5_000, `INSERT INTO remote_tokens (actor_id, host, client_id, token, secret, updated) SELECT i, '', '', '', '', 0 FROM n`),
}

// fill completes a statement that reads numbers from 1 to rows from a table n.
func fill(rows int, insert string) string {
	into, from, _ := strings.Cut(insert, "SELECT")
	return into + fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT", rows) + from
}

// hot is everything that runs on requests and deliveries, and what is run
// regularly beside them.
var hot = []struct {
	name string
	run  func(ctx context.Context, db *models.DB) error
}{
	{"inbox, all", readStream(models.Inbox, models.All, 1)},
	{"inbox, major", readStream(models.Inbox, models.Major, 1)},
	{"inbox, minor", readStream(models.Inbox, models.Minor, 1)},
	{"inbox, direct", readStream(models.Inbox, models.Direct, 1)},
	{"inbox, direct major", readStream(models.Inbox, models.DirectMajor, 1)},
	{"inbox, direct minor", readStream(models.Inbox, models.DirectMinor, 1)},
	{"outbox of one's own", readStream(models.Outbox, models.Major, 1)},
	{"outbox for a stranger", readStream(models.Outbox, models.All, 0)},
	{"outbox for a follower", readStream(models.Outbox, models.All, 10_001)},
	{"what is known of somebody elsewhere", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.KnownPage(ctx, 2, models.Major, models.Viewer{ActorID: 77}, models.Page{Count: 20, Before: 7})
	})},
	{"public stream for a stranger", readPublic(0)},
	{"public stream for a person", readPublic(77)},
	{"inbox of a group", reading(func(ctx context.Context, db *models.DB) (any, error) {
		items, _, err := db.GroupPage(ctx, 6000, models.All, models.Viewer{ActorID: 77}, models.Page{Count: 20, Before: 1500})
		return items, err
	})},
	{"posts with a hashtag", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.Tagged(ctx, "tag7", models.Page{Count: 20, Before: 15_000})
	})},
	{"hashtags of changed things", writing(func(ctx context.Context, tx *models.Tx) error {
		return tx.SetHashtags(ctx, []int64{100_007, 100_008}, models.Hashtag{Tag: "new", ActivityID: 7, ObjectID: 100_007})
	})},
	{"which groups may be seen", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.VisibleGroups(ctx, models.Viewer{ActorID: 77}, 3, 4, 6000)
	})},
	{"position of an activity", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.PositionOf(ctx, 1, models.Inbox, 44)
	})},
	{"places of activities", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.PlacesOf(ctx, []int64{44, 45, 46}, []int64{1, 2, 3})
	})},
	{"may an activity be seen", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.MaySeeActivity(ctx, models.Viewer{ActorID: 77}, 45)
	})},
	{"which objects may be seen", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.VisibleObjects(ctx, models.Viewer{ActorID: 77}, 100_044, 100_045, 100_046)
	})},
	{"lookup of any kind", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.Lookup(ctx, "https://us/object/7", "acct:n7@us", "https://us/nothing")
	})},
	{"lookup of one kind", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.LookupKind(ctx, models.KindActivity, "https://us/activity/7")
	})},
	{"ids of followers on a network", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return nil, db.FollowerIRIs(ctx, 1, "pump", func(string) {})
	})},
	{"whether followers changed", reading(func(ctx context.Context, db *models.DB) (any, error) {
		count, _, err := db.FollowersVersion(ctx, 1)
		return count, err
	})},
	{"actors", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Actors(ctx, 1, 2, 3) })},
	{"objects", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.Objects(ctx, 100_001, 100_002, 100_003)
	})},
	{"activities", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Activities(ctx, 1, 2, 3) })},
	{"credentials with a token", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Credentials(ctx, "c7", "t7") })},
	{"credentials without", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Credentials(ctx, "c7", "") })},
	{"client", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Client(ctx, "c7") })},
	{"request token", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.RequestToken(ctx, "r7") })},
	{"access token of a person", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.AccessTokenOf(ctx, 260, "c7") })},
	{"account by nickname", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.AccountByNickname(ctx, "N7") })},
	{"account", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Account(ctx, 7) })},
	{"session", func(ctx context.Context, db *models.DB) error {
		_, err := db.SessionActor(ctx, []byte("s7"))
		return ignore(err, models.ErrNotFound)
	}},
	{"accounts by an address", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.AccountsByEmail(ctx, "n7@them", 5) })},
	{"whom to notify", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.NotifiedOf(ctx, []int64{7, 8, 9}, &models.Activity{ID: 44, ActorID: 1})
	})},
	{"code", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Code(ctx, 7) })},
	{"code of a person", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.CodeOf(ctx, 7, models.RecoverPassword)
	})},
	{"code by what was mailed", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.CodeByDigest(ctx, []byte("m7"))
	})},
	{"signing key", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.SigningKey(ctx, "k7") })},
	{"codes made and used", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.AccountToChange(ctx, "n7")
		_, keyErr := tx.EnsureSigningKey(ctx, "k7", []byte("k"))
		return firstError(
			err,
			keyErr,
			tx.AddCodeCopy(ctx, 7, []byte("new")),
			tx.UseCode(ctx, 7),
			tx.ReplaceCode(ctx, &models.Code{ActorID: 8, Purpose: models.RecoverPassword}),
			tx.RemoveCodes(ctx, 9),
		)
	})},
	{"bearer token", func(ctx context.Context, db *models.DB) error {
		_, err := db.Bearer(ctx, "b7")
		return ignore(err, models.ErrNotFound)
	}},
	{"authorization code", func(ctx context.Context, db *models.DB) error {
		_, err := db.AuthorizationCode(ctx, "a7")
		return ignore(err, models.ErrNotFound)
	}},
	{"programs of a person", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Grants(ctx, 260) })},
	{"registration elsewhere", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.RemoteClient(ctx, "h7") })},
	{"login elsewhere", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.RemoteRequest(ctx, "h7", "t7") })},
	{"token of elsewhere", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.RemoteToken(ctx, 7) })},
	{"keys of an actor of ours", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.ActorKeys(ctx, 7) })},
	{"key and owner", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.KeyHolder(ctx, "pump", "https://them/keys/7")
	})},
	{"a subscription", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Subscription(ctx, "t7") })},
	{"the subscription to a feed", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.SubscriptionTo(ctx, 8) })},
	{"changes to subscriptions", writing(func(ctx context.Context, tx *models.Tx) error {
		return firstError(tx.SetSubscription(ctx, &models.Subscription{Token: "t7", State: "active"}), tx.RemoveSubscription(ctx, "t9"),
			tx.AddSubscription(ctx, &models.Subscription{Token: "new", ActorID: 9, State: "active"}))
	})},
	{"whether a feed is wanted", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.WantedFeeds(ctx, models.Feeds{Network: "pump", Better: []string{"activitypub", "ostatus"}}, 8, 10)
	})},
	{"missing feeds", reading(func(ctx context.Context, db *models.DB) (any, error) {
		found, _, err := db.MissingFeeds(ctx, models.Feeds{Network: "pump", Better: []string{"activitypub"}}, 100, 50)
		return found, err
	})},
	{"spare feeds", reading(func(ctx context.Context, db *models.DB) (any, error) {
		found, _, err := db.SpareFeeds(ctx, models.Feeds{Network: "pump", Better: []string{"activitypub"}}, "t1", 50)
		return found, err
	})},
	{"polls that are due", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.ClaimPolls(ctx, time.UnixMilli(3), at, 10)
		return err
	})},
	{"renewals that are due", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.ClaimRenewals(ctx, time.UnixMilli(3), at, 10)
		return err
	})},
	{"how hosts take signatures", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.SignatureSpecs(ctx, "h7", "h8", "h9") })},
	{"keys made and changed", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.EnsureActorKeys(ctx, &models.ActorKeys{ActorID: 7, RSA: []byte("r"), Ed25519: []byte("e")})
		_, setErr := tx.SetKeys(ctx, 7, time.UnixMilli(1), models.RemoteKey{IRI: "https://them/keys/new", SPKI: []byte("k")})
		return firstError(err, setErr, tx.SetSignatureSpec(ctx, "h7", "rfc9421", time.UnixMilli(1)))
	})},
	{"relations", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.RelationsTo(ctx, 1, []int64{10_001, 10_002})
	})},
	{"edge", func(ctx context.Context, db *models.DB) error {
		_, err := db.Edge(ctx, models.Follows, 1, 10_004)
		return err
	}},
	{"followers", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.EdgesTo(ctx, models.Follows, 1, models.Page{Count: 20, Before: 40_000})
	})},
	{"followed", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.EdgesFrom(ctx, models.Follows, 1, models.Page{Count: 20, Since: 3})
	})},
	{"followers by name", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.NamedEdgesTo(ctx, models.Follows, 1, "n", models.Page{Count: 20, Before: 40_000})
	})},
	{"followed by name", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.NamedEdgesFrom(ctx, models.Follows, 1, "n", models.Page{Count: 20, Since: 3})
	})},
	{"members of a list", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.Members(ctx, 100_021, models.Viewer{ActorID: 77}, models.Page{Count: 20})
	})},
	{"documents of a group", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.Documents(ctx, 6000, models.Viewer{ActorID: 77}, models.Page{Count: 20})
	})},
	{"number of lists", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.CountLists(ctx, 1, "person") })},
	{"list by name", func(ctx context.Context, db *models.DB) error {
		_, err := db.ListNamed(ctx, 1, "person", "x", 0)
		return ignore(err, models.ErrNotFound)
	}},
	{"first likers of several", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.FirstEdgesTo(ctx, models.Likes, []int64{100_005, 100_006, 100_007}, 4)
	})},
	{"replies", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.Replies(ctx, 100_007, models.Viewer{ActorID: 77}, models.Page{Count: 20})
	})},
	{"what is new in streams", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.PlacesSince(ctx, models.Inbox, []int64{1, 2, 3}, 1900)
	})},
	{"followers here", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.LocalEdgesTo(ctx, models.Follows, []int64{1, 2, 3}, 1000)
	})},
	{"who of many may see", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.WhoSees(ctx, []int64{44, 45}, []int64{1, 2, 3, 77}, true)
	})},
	{"edges of many", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.EdgesAmong(ctx, []int64{1, 2, 3, 77}, []int64{100_005, 100_006})
	})},
	{"blocks of several", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.BlocksAround(ctx, []int64{1, 2, 77}) })},
	{"replies whoever sees them", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.NewestReplies(ctx, []int64{100_005, 100_006, 100_007}, 16)
	})},
	{"live tokens", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.LiveTokens(ctx, []string{"t7", "t8", "none"})
	})},
	{"first replies of several", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.FirstReplies(ctx, []int64{100_005, 100_006, 100_007}, models.Viewer{ActorID: 77}, 4)
	})},
	{"lists", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.Lists(ctx, 1, "person", models.Viewer{ActorID: 1}, models.Page{Count: 20})
	})},
	{"favorites", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.LikedObjects(ctx, 2, models.Viewer{ActorID: 77}, models.Page{Count: 20})
	})},
	{"uploads of a person", reading(func(ctx context.Context, db *models.DB) (any, error) {
		list, _, err := db.Uploads(ctx, 7, models.Page{Count: 20})
		return list, err
	})},
	{"uploads of an object", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.UploadsOf(ctx, 100_008) })},
	{"files of an object", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.ObjectUploads(ctx, 100_008) })},
	{"room that uploads take", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.UploadUsage(ctx, 7) })},
	{"tokens of proxied addresses", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.Proxies(ctx, "https://them/7", "https://them/8", "https://them/new")
	})},
	{"proxied address", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.ProxiedAddress(ctx, "x7") })},
	{"upload", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Upload(ctx, "p7") })},
	{"original", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.OriginalOf(ctx, 7, "pump") })},
	{"remote inboxes", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.RemoteInboxes(ctx, models.Distribution{FollowersOf: []int64{1}, MembersOf: []int64{5}, Direct: []int64{8}, OnlyWhoSee: 45}, []string{"pump", "apub"})
	})},
	{"who blocks somebody", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.BlockedBy(ctx, 2007, 1, 2, 3) })},
	{"how many somebody blocks", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.CountBlocks(ctx, 7) })},
	{"search of an inbox", searching(models.Inbox, 1)},
	{"search of somebody's outbox", searching(models.Outbox, 10_001)},
	{"search of an outbox by a stranger", searching(models.Outbox, 0)},
	{"search of favorites", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.SearchLikes(ctx, 2, models.Viewer{ActorID: 77}, models.ParseSearch("w7"), models.Page{Count: 20})
	})},
	{"what is to be indexed", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.SearchQueue(ctx, 20) })},
	{"failed deliveries of an activity", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.FailuresOf(ctx, 7, models.Page{Count: 20})
	})},
	{"how many deliveries of an activity failed", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.CountFailures(ctx, 7) })},
	{"failed delivery", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.FailureAt(ctx, 7, "https://h/7") })},
	{"all failed deliveries", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.DeliveryFailures(ctx, models.Page{Count: 20, Before: 4000})
	})},
	{"indexing", writing(func(ctx context.Context, tx *models.Tx) error {
		changes, err := tx.SearchQueue(ctx, 20)
		if err != nil {
			return err
		}
		words := map[int64][]string{}
		for _, c := range changes {
			words[c.ObjectID] = []string{"new"}
		}
		return tx.IndexWords(ctx, changes, words)
	})},
	{"a delivery that failed and succeeded", writing(func(ctx context.Context, tx *models.Tx) error {
		return firstError(
			tx.RecordFailures(ctx, models.DeliveryFailure{ActivityID: 7, Inbox: "https://h/7"}, models.DeliveryFailure{ActivityID: 8, Inbox: "https://h/new"}),
			tx.ForgetFailures(ctx, 8, "https://h/new", "https://h/8"),
		)
	})},
	{"post", writing(func(ctx context.Context, tx *models.Tx) error {
		d := deed{name: "new", actor: 1, audience: []models.Addressee{{Kind: models.AudienceActor, ID: 2}}}
		a, err := d.insert(ctx, tx)
		if err != nil {
			return err
		}
		if err := tx.InsertOriginal(ctx, &models.Original{RefID: a.ID, Network: "pump", Bytes: []byte("{}")}, true); err != nil {
			return err
		}
		_, err = tx.Distribute(ctx, models.Distribution{Activity: a.ID, Author: 1, AuthorLocal: true, FollowersOf: []int64{1}, MembersOf: []int64{5, 6},
			Direct: []int64{2, 3}, Others: []int64{4}, OnlyWhoSee: 45})
		if err == nil {
			_, err = tx.Distribute(ctx, models.Distribution{Activity: a.ID, Author: 1, AuthorLocal: true, Public: true, FollowersOf: []int64{1}})
		}
		return err
	})},
	{"how people are reached", reading(func(ctx context.Context, db *models.DB) (any, error) {
		_, known := db.Presences(ctx, "pump", 8, 10)
		_, reach := db.ReachOf(ctx, []string{"pump"}, []int64{8, 10})
		_, all := db.PresencesOf(ctx, 8)
		return nil, firstError(known, reach, all)
	})},
	{"arrivals that wait", reading(func(ctx context.Context, db *models.DB) (any, error) {
		_, fresh := db.NewArrivals(ctx, 7, 100)
		_, due := db.DueArrivals(ctx, at, 100)
		return nil, firstError(fresh, due)
	})},
	{"arrivals that were dealt with", writing(func(ctx context.Context, tx *models.Tx) error {
		return firstError(tx.PostponeArrival(ctx, 7, 1, at), tx.RemoveArrival(ctx, 8))
	})},
	{"where activities went", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.SentTo(ctx, 8, 9)
		return firstError(err, tx.LogSent(ctx, 7, map[string][]string{"pump": {"https://h/new"}}), tx.ForgetSent(ctx, 10))
	})},
	{"answers to follows", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.ConfirmRequests(ctx, models.Follows, 8)
		_, members := tx.ConfirmRequests(ctx, models.MemberOf, 8)
		return firstError(err, members, tx.SetEdge(ctx, &models.Edge{Kind: models.Follows, ActorID: 10_002, TargetID: 1, ActivityID: 7}))
	})},
	{"who asks to follow", reading(func(ctx context.Context, db *models.DB) (any, error) {
		_, err := db.LocalFollowers(ctx, 1, 20)
		if err != nil {
			return nil, err
		}
		return db.RequestsTo(ctx, 8, models.Page{Count: 20})
	})},
	{"follows and memberships", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Relations(ctx, 8, 50) })},
	{"followers of a group elsewhere", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.HasRemote(ctx, 1, 10_001) })},
	{"what is pinned", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.PinnedObjects(ctx, 8, models.Viewer{ActorID: 77}, models.Page{Count: 20})
	})},
	{"a vote", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.VotesOf(ctx, 100_007, 8)
		return firstError(err, tx.InsertVote(ctx, 100_007, 8, 5, at))
	})},
	{"a quote", writing(func(ctx context.Context, tx *models.Tx) error {
		q := &models.QuoteAuthorization{IRI: "https://us/q/new", ObjectID: 100_007, Quote: "https://them/q/new"}
		_, err := tx.QuoteAuthorization(ctx, "https://us/q/7")
		return firstError(err, tx.AuthorizeQuote(ctx, q), tx.RevokeQuotes(ctx, at, 100_009, 100_010))
	})},
	{"reports", writing(func(ctx context.Context, tx *models.Tx) error {
		_, open := tx.OpenReports(ctx, models.Page{Count: 20})
		_, one := tx.Report(ctx, 7)
		return firstError(open, one, tx.ResolveReport(ctx, 4_999, at))
	})},
	{"a move", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.MoveOf(ctx, 7)
		_, set := tx.SetMove(ctx, &models.Move{ActorID: 7, TargetID: 9})
		return firstError(err, set)
	})},
	{"what came quietly", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.Unquiet(ctx, 7)
		return firstError(err, tx.BindReactions(ctx, 100_001, 7), tx.BuryActivities(ctx, at, 8))
	})},
	{"the end of an account elsewhere", writing(func(ctx context.Context, tx *models.Tx) error {
		for {
			if left, err := tx.EraseSome(ctx, 8, at, 50); !left || err != nil {
				return err
			}
		}
	})},
	{"two actors that are one", writing(func(ctx context.Context, tx *models.Tx) error {
		if err := tx.BeginMerge(ctx, 12, 14); err != nil {
			return err
		}
		_, err := tx.MergeSome(ctx, 12, 14, 200)
		return err
	})},
	{"how hosts are doing", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.FailingHosts(ctx)
		return firstError(err, tx.SetFailingHost(ctx, models.FailingHost{Host: "h7", Failures: 3}), tx.HealHosts(ctx, "h8", "h9"))
	})},
	{"deliveries that were given up", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.GivenUpDeliveries(ctx, models.Page{Count: 20, Before: 5000})
		return firstError(err, tx.ReviveFailures(ctx, at, 7, 8))
	})},
	{"followers on a server", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.FollowersOn(ctx, 1, "pump", "https://h/", models.Page{Count: 20, Before: 30_200})
	})},
	{"changes of rows", writing(func(ctx context.Context, tx *models.Tx) error {
		return firstError(
			tx.UpdateActor(ctx, &models.Actor{ID: 7, Doc: &vocab.Object{}}),
			tx.UpdateObject(ctx, &models.Object{ID: 100_007, Doc: &vocab.Object{}}),
			tx.UpdateActivity(ctx, &models.Activity{ID: 7, Doc: &vocab.Activity{}}),
			tx.UpdateAccount(ctx, &models.Account{ActorID: 7}),
			tx.UpdateClient(ctx, &models.Client{ID: 7}),
			tx.Count(ctx, 7, models.CountFollowers, 1),
			tx.CountObject(ctx, 100_007, models.CountLikes, 1),
			tx.SetPresence(ctx, models.Presence{ActorID: 7, Network: "pump"}),
			tx.AddEdge(ctx, &models.Edge{Kind: models.Blocks, ActorID: 7, TargetID: 8}),
			tx.RemoveEdge(ctx, models.Blocks, 7, 8),
			tx.InsertUpload(ctx, &models.Upload{Path: "new", OwnerID: 8}),
			tx.PublishUploads(ctx, 8, "p7"),
			tx.RemoveUploads(ctx, "p8"),
			tx.RemoveOriginals(ctx, 8),
			tx.Uncollect(ctx, 100_044, 100_045),
		)
	})},
	{"credentials given and withdrawn", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.EnsureAccessToken(ctx, &models.AccessToken{Token: "new", ClientID: "c7", ActorID: 260})
		return firstError(
			err,
			tx.AuthorizeRequestToken(ctx, "r4000", 5),
			tx.UseRequestToken(ctx, "r4000"),
			tx.RememberNonce(ctx, []byte("new"), at),
			tx.InsertSession(ctx, []byte("new"), 7, at),
			tx.RemoveSession(ctx, []byte("new")),
			tx.RemoveSessions(ctx, 8),
			tx.RemoveOtherSessions(ctx, 10, []byte("s10")),
			tx.RemoveAccessTokens(ctx, 9),
			tx.InsertBearerToken(ctx, "new", &models.BearerToken{ClientID: "c7", ActorID: 260}),
			tx.InsertAuthorizationCode(ctx, "new", &models.AuthorizationCode{ClientID: "c7", ActorID: 260}),
			tx.UseAuthorizationCode(ctx, "new", "new"),
			tx.RevokeAuthorizationCode(ctx, "new"),
			ignore(tx.RemoveBearerToken(ctx, "new", "c7"), models.ErrNotFound),
			tx.RevokeGrant(ctx, 260, "c7"),
			tx.SetRemoteClient(ctx, &models.RemoteClient{Host: "h7"}),
			tx.InsertRemoteRequest(ctx, &models.RemoteRequest{Host: "h", Token: "new", Browser: []byte("x")}),
			tx.RemoveRemoteRequest(ctx, "h", "new"),
			tx.SetRemoteToken(ctx, &models.RemoteToken{ActorID: 7}),
		)
	})},
	{"a post in the feed of somebody", writing(func(ctx context.Context, tx *models.Tx) error {
		topics, err := tx.HubTopics(ctx, 7, 8, 50_000)
		return firstError(err, tx.AddHubPublications(ctx, 7, at, slices.Collect(maps.Values(topics))...))
	})},
	{"deliveries to subscribers", writing(func(ctx context.Context, tx *models.Tx) error {
		_, _, err := tx.TakeHub(ctx, models.HubBatch{Topic: "t7", Count: 20, Now: time.UnixMilli(1_000_500), Until: time.UnixMilli(1_000_600)})
		_, hold, failingErr := tx.TakeHub(ctx, models.HubBatch{Topic: "t7", Failing: true, Count: 20, Now: time.UnixMilli(1_000_500), Until: time.UnixMilli(1_000_600)})
		_, pendingErr := tx.HubPending(ctx, "t7", 10, 19_000, 19_500)
		return firstError(
			err,
			failingErr,
			pendingErr,
			tx.SettleHub(ctx, hold, map[int64]models.HubState{57: {Place: 20_000}, 107: {Ended: true}}),
			tx.TidyHub(ctx, "t7", time.UnixMilli(1_000_500)),
		)
	})},
	{"subscriptions", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.CountHubRequests(ctx, "h7")
		_, countErr := tx.CountHubSubscribers(ctx, "t7", "h7", "c7")
		_, readErr := tx.HubRequest(ctx, 7)
		_, removeErr := tx.RemoveHubRequest(ctx, 8)
		_, setErr := tx.SetHubSubscriber(ctx, models.HubSubscriber{Topic: "t7", Callback: "c57"}, at)
		return firstError(
			err,
			countErr,
			readErr,
			removeErr,
			setErr,
			tx.ExpectHubSubscriber(ctx, models.HubSubscriber{Topic: "t7", Callback: "expected"}, 7),
			tx.ForgetHubSubscriber(ctx, 7),
			tx.SetHubRequest(ctx, &models.HubRequest{Topic: "t7", Callback: "new"}),
			tx.RemoveHubSubscriber(ctx, "t7", "c107"),
			tx.RemoveHubTopic(ctx, "t8"),
		)
	})},
	{"subscriptions that are due or have ended", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.DueHubTopics(ctx, time.UnixMilli(1_000_100), 10)
		return firstError(err, tx.PruneHub(ctx, time.UnixMilli(1_000_100), time.UnixMilli(1_000_100), time.UnixMilli(1_000_100)))
	})},
	{"new proxied addresses", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.EnsureProxies(ctx, map[string]string{"https://them/7": "a", "https://them/new": "b"}, at)
		return err
	})},
	{"pruning", writing(func(ctx context.Context, tx *models.Tx) error {
		if _, err := tx.PruneFailures(ctx, time.UnixMilli(time.Hour.Milliseconds())); err != nil {
			return err
		}
		_, err := tx.Prune(ctx, time.UnixMilli(time.Hour.Milliseconds()))
		return err
	})},
	{"the end of an account", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.EraseActor(ctx, 3, at)
		return err
	})},
}

func readStream(s models.Stream, part models.Part, viewer int64) func(context.Context, *models.DB) error {
	return func(ctx context.Context, db *models.DB) error {
		for _, p := range []models.Page{{Count: 20}, {Count: 20, Before: 1500}, {Count: 20, Since: 500}, {Count: 20, Offset: 40}} {
			items, _, err := db.StreamPage(ctx, 1, s, part, models.Viewer{ActorID: viewer}, p)
			if err != nil {
				return err
			}
			if len(items) == 0 {
				return fmt.Errorf("the page %+v is empty", p)
			}
		}
		return nil
	}
}

// searching looks for what is near, and for what only the index finds.
func searching(s models.Stream, viewer int64) func(context.Context, *models.DB) error {
	return func(ctx context.Context, db *models.DB) error {
		for _, p := range []models.Page{{Count: 1}, {Count: 3}, {Count: 20}, {Count: 2, Before: 1500}, {Count: 2, Since: 100}} {
			items, err := db.SearchStream(ctx, 1, s, models.All, models.Viewer{ActorID: viewer}, models.ParseSearch("w4"), p)
			if err != nil {
				return err
			}
			if len(items) == 0 {
				return fmt.Errorf("the page %+v is empty", p)
			}
		}
		return nil
	}
}

func readPublic(viewer int64) func(context.Context, *models.DB) error {
	return reading(func(ctx context.Context, db *models.DB) (any, error) {
		items, _, err := db.StreamPage(ctx, 0, models.PublicStream, models.Major, models.Viewer{ActorID: viewer}, models.Page{Count: 20, Before: 101_500})
		return items, err
	})
}

func reading(f func(context.Context, *models.DB) (any, error)) func(context.Context, *models.DB) error {
	return func(ctx context.Context, db *models.DB) error {
		models.Forget(db)
		_, err := f(ctx, db)
		return err
	}
}

func writing(f func(context.Context, *models.Tx) error) func(context.Context, *models.DB) error {
	return func(ctx context.Context, db *models.DB) error {
		return db.Write(ctx, func(tx *models.Tx) error { return f(ctx, tx) })
	}
}

func TestHotQueriesUseAnIndex(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		words := map[models.Dialect]*strings.Replacer{
			models.SQLite:   strings.NewReplacer("{{bytes}}", "BLOB", "{{thing}}", "rowid", "{{word}}", "'w' || (i % 500)"),
			models.Postgres: strings.NewReplacer("{{bytes}}", "BYTEA", "{{thing}}", "object_id", "{{word}}", "array_to_tsvector(ARRAY['w' || i % 500])"),
		}[db.Dialect()]
		for _, statement := range filling {
			execute(t, db, words.Replace(statement))
		}
		if db.Dialect() == models.Postgres {
			execute(t, db, "ANALYZE")
		}
		recorder := models.Record(db)
		for _, h := range hot {
			t.Run(h.name, func(t *testing.T) {
				recorder.Take()
				if err := h.run(t.Context(), db); err != nil {
					t.Fatal(err)
				}
				statements := recorder.Take()
				if len(statements) == 0 {
					t.Fatal("no statement was recorded")
				}
				for i, s := range statements {
					plan := must[[]string](t)(models.Explain(t.Context(), db, s))
					if len(plan) == 0 && !strings.HasPrefix(s.Query, "INSERT") {
						t.Errorf("no plan for %s", s.Query)
					}
					var complaints []string
					if db.Dialect() == models.SQLite {
						complaints = sqliteScans(s.Query, plan)
						if indexed, ok := sequences[h.name]; ok && i == 0 {
							if whole := strings.Join(plan, "\n"); !strings.Contains(whole, indexed) || strings.Contains(whole, "TEMP B-TREE") {
								complaints = append(complaints, "the page is not cut from the range "+indexed)
							}
						}
					} else {
						complaints = postgresScans(t, plan)
					}
					for _, c := range complaints {
						t.Errorf("%s\n%s\n%s", c, s.Query, strings.Join(plan, "\n"))
					}
				}
			})
		}
	})
}

// A failure is told as one, and never taken for nothing being there.
func TestFailuresAreTold(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		for _, h := range hot {
			if err := h.run(cancelled, db); !errors.Is(err, context.Canceled) {
				t.Errorf("%s, cancelled: error %v", h.name, err)
			}
		}
		for _, table := range must[[]string](t)(column[string](t.Context(), db.SQL(), map[models.Dialect]string{
			models.SQLite:   "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite_%'",
			models.Postgres: "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
		}[db.Dialect()])) {
			if table != "processes" { // which closing the store needs
				execute(t, db, "DROP TABLE "+table)
			}
		}
		for _, h := range hot {
			if err := h.run(t.Context(), db); err == nil || errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s, without tables: error %v", h.name, err)
			}
		}
	})
}

// sequences are those of hot that page through a range of an index in its order,
// so that their cost does not grow with the sequence, nor with all others. Only
// SQLite is asked, which plans by the indexes alone; PostgreSQL would rather sort
// what is short.
var sequences = map[string]string{
	"followers":         "edges_by_target (target_id=? AND kind=? AND position<?)",
	"followed":          "edges_by_actor (actor_id=? AND kind=? AND position>?)",
	"favorites":         "edges_by_actor (actor_id=? AND kind=?)",
	"followers by name": "edges_by_target (target_id=? AND kind=? AND position<?)",
	"followed by name":  "edges_by_actor (actor_id=? AND kind=? AND position>?)",
	"members of a list": "edges_by_target (target_id=? AND kind=?)",

	"documents of a group": "edges_by_target (target_id=? AND kind=?)",
	"replies":              "objects_by_parent (parent_id=?)",
	"lists":                "objects_by_author (author_id=? AND list_of=?)",
	"uploads of a person":  "uploads_by_owner (owner_id=?)",
}

// wholeIndexes may be read from end to end: they are partial and hold little.
var wholeIndexes = []string{"actors_suspended"}

var (
	sqliteScan = regexp.MustCompile(`^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?`)
	// sought is the reading of a virtual table by what is looked for in it: the
	// words of search, or a list that is passed as JSON.
	sought = regexp.MustCompile(`^SCAN \w+ (?:EXISTS )?VIRTUAL TABLE INDEX (?:\d+:=?M\d+|\d+:=|1:)`)
	// stepsOfQuery are the names of what a query makes before it reads it.
	stepsOfQuery = regexp.MustCompile(`(\w+) AS MATERIALIZED`)
	namesTables  = regexp.MustCompile(`(?i)\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)(?:\s+(?:AS\s+)?(\w+))?`)
)

// sqliteScans finds the tables that a plan of SQLite reads from end to end. The
// plan names them by their aliases, as it does subqueries, of which it may read
// everything.
func sqliteScans(query string, plan []string) []string {
	tables := map[string]string{}
	for _, m := range namesTables.FindAllStringSubmatch(query, -1) {
		tables[m[1]], tables[m[2]] = m[1], m[1]
	}
	for _, m := range stepsOfQuery.FindAllStringSubmatch(query, -1) {
		delete(tables, m[1])
	}
	for name, table := range tables {
		if tables[table] == "" {
			delete(tables, name)
		}
	}
	var complaints []string
	for _, line := range plan {
		m := sqliteScan.FindStringSubmatch(line)
		if m == nil || tables[m[1]] == "" || slices.Contains(wholeIndexes, m[2]) || sought.MatchString(line) {
			continue
		}
		complaints = append(complaints, fmt.Sprintf("%s is read from end to end: %s", tables[m[1]], line))
	}
	return complaints
}

// planNode is a node of a plan of PostgreSQL.
type planNode struct {
	Type      string     `json:"Node Type"`
	Relation  string     `json:"Relation Name"`
	Index     string     `json:"Index Name"`
	Condition string     `json:"Index Cond"`
	Plans     []planNode `json:"Plans"`
}

// postgresScans finds the tables and indexes that a plan of PostgreSQL reads
// from end to end.
func postgresScans(t *testing.T, plan []string) []string {
	t.Helper()
	var roots []struct{ Plan planNode }
	if err := json.Unmarshal([]byte(strings.Join(plan, "")), &roots); err != nil {
		t.Fatal(err)
	}
	var complaints []string
	var walk func(planNode)
	walk = func(n planNode) {
		switch n.Type {
		case "Seq Scan":
			if n.Relation != "sequences" { // has one row
				complaints = append(complaints, n.Relation+" is read from end to end")
			}
		case "Index Scan", "Index Only Scan", "Bitmap Index Scan":
			if n.Condition == "" && !slices.Contains(wholeIndexes, n.Index) {
				complaints = append(complaints, "the index "+n.Index+" is read from end to end")
			}
		}
		for _, p := range n.Plans {
			walk(p)
		}
	}
	for _, root := range roots {
		walk(root.Plan)
	}
	return complaints
}

// The finding of scans has to find them.
func TestScansAreFound(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		for _, tt := range []struct {
			query string
			found bool
		}{
			{"SELECT doc FROM actors", true},
			{"SELECT a.doc FROM actors a WHERE a.created = 7", true},
			{"SELECT id FROM actors ORDER BY id", true},
			{"DELETE FROM nonces WHERE expires + 1 < 7", true},
			{"SELECT doc FROM actors WHERE id = 7", false},
			{"SELECT m.one FROM (SELECT 1 AS one UNION ALL SELECT 2) m", false},
		} {
			plan := must[[]string](t)(models.Explain(t.Context(), db, models.Statement{Query: tt.query}))
			var complaints []string
			if db.Dialect() == models.SQLite {
				complaints = sqliteScans(tt.query, plan)
			} else {
				complaints = postgresScans(t, plan)
			}
			if (len(complaints) > 0) != tt.found {
				t.Errorf("%s: complaints %v, want one: %v\n%s", tt.query, complaints, tt.found, strings.Join(plan, "\n"))
			}
		}
	})
}
