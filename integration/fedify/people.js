// Who is on the server, what they have posted, and how Fedify shows both.
import { createFederation, generateCryptoKeyPair, MemoryKvStore } from "@fedify/fedify";
import {
	Accept, Activity, Article, Endpoints, Follow, Image, Note, Person, PUBLIC_COLLECTION, Question, Reject, Tombstone, Undo,
} from "@fedify/fedify/vocab";
import { Temporal } from "@js-temporal/polyfill";

/** Everybody who has, or had, an account, by nickname. */
export const people = new Map();

/** Notes and articles by the last part of their ids; what was deleted is null. */
export const posts = new Map();

/** What was sent, and may be undone or read by its id later. */
export const sent = new Map();

/** Every activity that came in and was verified, as Fedify's vocabulary reads it. */
export const received = [];

/** Adds an account. `approves` says that it decides about each follow. */
export async function addPerson({ nick, name = nick, summary, icon, approves = false, aliases = [] }) {
	people.set(nick, {
		nick, name, summary, icon, approves, aliases, keys: await newKeys(), since: Temporal.Now.instant(),
		followers: new Map(), following: new Set(), outbox: [],
	});
}

/** An RSA key for HTTP signatures, and an Ed25519 key for proofs. */
export async function newKeys() {
	return [await generateCryptoKeyPair("RSASSA-PKCS1-v1_5"), await generateCryptoKeyPair("Ed25519")];
}

/** Makes the server; origin is its address without a slash at the end. */
export function newFederation(origin) {
	const federation = createFederation({ kv: new MemoryKvStore(), origin, allowPrivateAddress: true });
	federation.setActorDispatcher("/users/{identifier}", showPerson)
		.mapHandle((_, username) => (people.has(username) ? username : null))
		.setKeyPairsDispatcher((_, nick) => people.get(nick)?.keys ?? []);
	for (const [type, path] of [[Note, "/notes/{id}"], [Article, "/articles/{id}"], [Question, "/questions/{id}"]]) {
		federation.setObjectDispatcher(type, path, (_, { id }) => posts.get(id)?.object ?? null)
			.authorize((ctx, { id }) => maySee(ctx, posts.get(id)));
	}
	// Whoever accepts a follow sends it back, and Fedify believes it from nobody but
	// its own server.
	federation.setObjectDispatcher(Follow, "/follows/{id}", (ctx, { id }) => sent.get(ctx.getObjectUri(Follow, { id }).href) ?? null);
	federation.setOutboxDispatcher("/users/{identifier}/outbox", (_, nick) => listed(people.get(nick)?.outbox.toReversed()));
	federation.setFollowingDispatcher("/users/{identifier}/following", (_, nick) => listed(urls(people.get(nick)?.following)));
	federation.setFollowersDispatcher("/users/{identifier}/followers", (_, nick) => {
		const followers = people.get(nick)?.followers;
		return listed(followers && [...followers.values()].map(({ id, inboxId, endpoints }) => ({ id, inboxId, endpoints })));
	});
	federation.setInboxListeners("/users/{identifier}/inbox", "/inbox").on(Activity, take);
	return federation;
}

const listed = (items) => (items ? { items } : null);
const urls = (set) => set && [...set].map((iri) => new URL(iri));

async function showPerson(ctx, nick) {
	const p = people.get(nick);
	if (!p) {
		return null;
	}
	const id = ctx.getActorUri(nick);
	if (p.gone) {
		return new Tombstone({ id, deleted: p.gone });
	}
	const keys = await ctx.getActorKeyPairs(nick);
	return new Person({
		id, preferredUsername: nick, name: p.name, summary: p.summary, published: p.since, url: id,
		icon: p.icon ? new Image({ url: new URL(p.icon, ctx.canonicalOrigin), mediaType: "image/png" }) : null,
		inbox: ctx.getInboxUri(nick), outbox: ctx.getOutboxUri(nick),
		followers: ctx.getFollowersUri(nick), following: ctx.getFollowingUri(nick),
		endpoints: new Endpoints({ sharedInbox: ctx.getInboxUri() }),
		publicKey: keys[0].cryptographicKey, assertionMethods: keys.map((k) => k.multikey),
		manuallyApprovesFollowers: p.approves,
		aliases: p.aliases.map((iri) => new URL(iri)), successor: p.movedTo ? new URL(p.movedTo) : null,
	});
}

/** What is not public is shown to those whom it is addressed to, and to followers. */
async function maySee(ctx, post) {
	if (!post || post.audience === "public" || post.audience === "unlisted") {
		return true;
	}
	const reader = await ctx.getSignedKeyOwner();
	if (!reader?.id) {
		return false;
	}
	return post.mention.includes(reader.id.href) || (post.audience === "followers" && people.get(post.author).followers.has(reader.id.href));
}

/** Notes what came in, and does what a server has to. */
async function take(ctx, activity) {
	received.push({
		to: ctx.recipient ?? "", type: typeOf(activity),
		// Written anew from what was read, so that it shows what was understood.
		activity: await activity.toJsonLd({ format: "compact", contextLoader: ctx.contextLoader }),
	});
	if (activity instanceof Follow) {
		const nick = localNick(ctx, activity.objectId);
		if (nick && !people.get(nick).approves) {
			await answer(ctx, nick, activity, Accept);
		}
	} else if (activity instanceof Undo) {
		const undone = await activity.getObject(ctx);
		const nick = undone instanceof Follow && localNick(ctx, undone.objectId);
		if (nick) {
			people.get(nick).followers.delete(activity.actorId.href);
		}
	} else if (activity instanceof Accept || activity instanceof Reject) {
		// What is answered may be something that cannot be read here, such as a request to quote.
		const { documentLoader, contextLoader } = ctx;
		const follow = await activity.getObject({ documentLoader, contextLoader, suppressError: true });
		const nick = follow instanceof Follow && localNick(ctx, follow.actorId);
		if (nick) {
			people.get(nick).following[activity instanceof Accept ? "add" : "delete"](activity.actorId.href);
		}
	}
}

/** The type by which the vocabulary knows something: its classes have other names. */
export const typeOf = (object) => object.constructor.typeId.href.replace(/^.*[#/]/, "");

function localNick(ctx, iri) {
	const parsed = ctx.parseUri(iri);
	return parsed?.type === "actor" && people.has(parsed.identifier) ? parsed.identifier : null;
}

/** Accepts or rejects a follow. */
export async function answer(ctx, nick, follow, Answer) {
	const follower = await lookUp(ctx, nick, follow.actorId);
	const p = people.get(nick);
	if (Answer === Accept) {
		p.followers.set(follower.id.href, follower);
	} else {
		p.followers.delete(follower.id.href);
	}
	await ctx.sendActivity({ identifier: nick }, follower, new Answer({
		id: newId(ctx, "answers"), actor: ctx.getActorUri(nick), object: follow, to: follower.id,
	}));
}

/** Reads something from its server, with a request that somebody here has signed. */
export async function lookUp(ctx, nick, iri) {
	const found = await ctx.lookupObject(iri, { documentLoader: await ctx.getDocumentLoader({ identifier: nick }) });
	if (!found) {
		throw new Error(`nothing is to be had at ${iri}`);
	}
	return found;
}

export const newId = (ctx, path) => new URL(`/${path}/${crypto.randomUUID()}`, ctx.canonicalOrigin);

/** The addresses of a post: to and cc. */
export function addresses(ctx, { author, audience, mention }) {
	const followers = ctx.getFollowersUri(author);
	const mentioned = mention.map((iri) => new URL(iri));
	switch (audience) {
		case "public":
			return { tos: [PUBLIC_COLLECTION], ccs: [followers, ...mentioned] };
		case "unlisted":
			return { tos: [followers], ccs: [PUBLIC_COLLECTION, ...mentioned] };
		case "followers":
			return { tos: [followers], ccs: mentioned };
		case "direct":
			return { tos: mentioned, ccs: [] };
		default:
			throw new Error(`the audience ${audience} is none of public, unlisted, followers, direct`);
	}
}
