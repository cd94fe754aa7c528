// What people on the server do when a test tells them to. Each command gets the
// JSON of its request, and returns the JSON of its answer.
import {
	Accept, Announce, Article, Block, Collection, Create, Delete, Document, EmojiReact, Follow, Like, Mention, Move, Note, Object as AnyObject, PUBLIC_COLLECTION,
	Question, QuoteRequest, Reject, Tombstone, Undo, Update,
} from "@fedify/fedify/vocab";
import { Temporal } from "@js-temporal/polyfill";

import { addPerson, addresses, answer, lookUp, newId, newKeys, people, posts, received, sent, typeOf } from "./people.js";

/** Makes the commands over a context of Fedify's. */
export function newCommands(ctx) {
	const actor = (nick) => ctx.getActorUri(nick);

	/** Sends an activity of somebody to these people, each given by the id. */
	async function send(nick, activity, iris, { followers = false } = {}) {
		const recipients = await Promise.all([...new Set(iris)].map((iri) => lookUp(ctx, nick, iri)));
		if (followers) {
			recipients.push(...people.get(nick).followers.values());
		}
		sent.set(activity.id.href, activity);
		await ctx.sendActivity({ identifier: nick }, recipients, activity, { preferSharedInbox: followers });
		return { activity: activity.id.href };
	}

	/** Sends an activity about something to its author. */
	const react = (Type, more = () => ({})) => ({ as, object, author }) => send(as, new Type({
		id: newId(ctx, "reactions"), actor: actor(as), object: new URL(object), to: new URL(author), ...more(as),
	}), [author], { followers: Type === Announce });

	/** Sends an activity about a person to that person. */
	const address = (Type) => ({ as, whom }) => send(as, new Type({
		id: newId(ctx, `${Type.name.toLowerCase()}s`), actor: actor(as), object: new URL(whom), to: new URL(whom),
	}), [whom]);

	async function post({ as, content, audience = "public", mention = [], inReplyTo, name, summary, image, type = "Note", choices = [] }) {
		const id = crypto.randomUUID();
		const Type = { Note, Article, Question }[type];
		const addressed = addresses(ctx, { author: as, audience, mention });
		const poll = type === "Question" && {
			exclusiveOptions: choices.map((choice) => new Note({ name: choice, replies: new Collection({ totalItems: 0 }) })),
			endTime: Temporal.Now.instant().add({ hours: 1 }),
		};
		const object = new Type({
			id: ctx.getObjectUri(Type, { id }), attribution: actor(as), content, name, summary, published: Temporal.Now.instant(), ...poll,
			replyTarget: inReplyTo ? new URL(inReplyTo) : null, ...addressed,
			tags: mention.map((iri) => new Mention({ href: new URL(iri), name: `@${iri.split("/").pop()}@${new URL(iri).host}` })),
			attachments: image ? [new Document({ url: new URL(image, ctx.canonicalOrigin), mediaType: "image/png", name: "a picture", width: 8, height: 8 })] : [],
		});
		const create = new Create({ id: newId(ctx, "creates"), actor: actor(as), object, ...addressed });
		posts.set(id, { object, author: as, audience, mention });
		if (audience === "public" || audience === "unlisted") {
			people.get(as).outbox.push(create);
		}
		await send(as, create, mention, { followers: audience !== "direct" });
		return { activity: create.id.href, object: object.id.href };
	}

	/** The post of an id, as it is kept. */
	function own(object) {
		const id = object.split("/").pop();
		const kept = posts.get(id);
		if (!kept) {
			throw new Error(`${object} is none of the posts here`);
		}
		return { id, ...kept };
	}

	async function edit({ as, object, content }) {
		const kept = own(object);
		const edited = kept.object.clone({ content, updated: Temporal.Now.instant() });
		posts.set(kept.id, { ...kept, object: edited });
		return send(as, new Update({
			id: newId(ctx, "updates"), actor: actor(as), object: edited, ...addresses(ctx, kept),
		}), kept.mention, { followers: kept.audience !== "direct" });
	}

	async function remove({ as, object }) {
		const kept = own(object);
		posts.set(kept.id, null);
		const p = people.get(as);
		p.outbox = p.outbox.filter((create) => create.objectId?.href !== object);
		return send(as, new Delete({
			id: newId(ctx, "deletes"), actor: actor(as), object: new Tombstone({ id: new URL(object), deleted: Temporal.Now.instant() }), ...addresses(ctx, kept),
		}), kept.mention, { followers: kept.audience !== "direct" });
	}

	async function undo({ as, activity, whom }) {
		const undone = sent.get(activity);
		if (!undone) {
			throw new Error(`${activity} was not sent from here`);
		}
		if (undone instanceof Follow) {
			people.get(as).following.delete(undone.objectId.href);
		}
		return send(as, new Undo({ id: newId(ctx, "undos"), actor: actor(as), object: undone, to: new URL(whom) }), [whom],
			{ followers: undone instanceof Announce });
	}

	/** Answers a follow that came in and that nobody has decided about yet. */
	const decide = (Answer) => async ({ as, follow }) => {
		const found = received.find((r) => r.activity.id === follow);
		if (!found) {
			throw new Error(`no follow ${follow} came in`);
		}
		await answer(ctx, as, await Follow.fromJsonLd(found.activity, ctx), Answer);
		return {};
	};

	/** Tells the followers that the profile of somebody is another one. */
	async function change({ as, ...profile }) {
		Object.assign(people.get(as), profile);
		return send(as, new Update({
			id: newId(ctx, "updates"), actor: actor(as), object: await show(as), to: PUBLIC_COLLECTION,
		}), [], { followers: true });
	}

	/** Deletes the account of somebody. What tells it is signed with the key that it had. */
	async function leave({ as, whom = [] }) {
		const p = people.get(as);
		const done = await send(as, new Delete({ id: newId(ctx, "deletes"), actor: actor(as), object: actor(as), to: PUBLIC_COLLECTION }), whom, { followers: true });
		p.gone = Temporal.Now.instant();
		return done;
	}

	async function move({ as, to }) {
		people.get(as).movedTo = to;
		return send(as, new Move({ id: newId(ctx, "moves"), actor: actor(as), object: actor(as), target: new URL(to), to: ctx.getFollowersUri(as) }), [], { followers: true });
	}

	/** The profile of somebody here, as others read it. */
	const show = (nick) => ctx.federation.createContext(new Request(actor(nick)), undefined).getActor(nick);

	/** Reads a document with the vocabulary, and tells what was understood. */
	async function parse({ document }) {
		const object = await AnyObject.fromJsonLd(document, ctx);
		return { type: typeOf(object), object: await object.toJsonLd({ format: "compact", contextLoader: ctx.contextLoader }) };
	}

	return {
		add: async (person) => {
			await addPerson(person);
			return { id: actor(person.nick).href };
		},
		follow: address(Follow), block: address(Block),
		accept: decide(Accept), reject: decide(Reject),
		like: react(Like), boost: react(Announce, (as) => ({ to: PUBLIC_COLLECTION, cc: ctx.getFollowersUri(as), published: Temporal.Now.instant() })),
		emoji: react(EmojiReact, () => ({ content: "🎉" })),
		askToQuote: ({ as, object, author, quote }) => react(QuoteRequest, () => ({ instrument: new URL(quote) }))({ as, object, author }),
		post, edit, delete: remove, undo, change, leave, move,
		rotate: async ({ as }) => {
			people.get(as).keys = await newKeys();
			return {};
		},
		received: ({ from = 0 }) => received.slice(from),
		relations: ({ as }) => {
			const { followers, following } = people.get(as);
			return { followers: [...followers.keys()], following: [...following] };
		},
		parse,
		lookup: async ({ as, iri }) => {
			const object = await lookUp(ctx, as, iri);
			return { type: typeOf(object), object: await object.toJsonLd({ format: "compact", contextLoader: ctx.contextLoader }) };
		},
	};
}
