// A server of the fediverse made with Fedify, for tests. It federates on one port
// of localhost and is told what to do on another: POST /NAME with JSON is the
// command NAME of commands.js. It prints the two addresses as JSON, and ends when
// its standard input does, that is with the process that started it.
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { configure } from "@logtape/logtape";

import { newCommands } from "./commands.js";
import { newFederation } from "./people.js";

await configure({
	contextLocalStorage: new AsyncLocalStorage(),
	sinks: { stderr: (r) => process.stderr.write(`${r.level} ${r.category.join(".")}: ${r.message.join("")}\n`) },
	loggers: [
		{ category: "fedify", sinks: ["stderr"], lowestLevel: "info" },
		{ category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "warning" },
	],
});

/** A picture of 8 by 8 points, for avatars and attachments. */
const picture = Buffer.from(
	"iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mPQqDiBFTEMLQkAAtVaAbl+5LMAAAAASUVORK5CYII=", "base64");

/** Which deliveries came in: how they were signed, and how they were answered. */
const deliveries = [];

/** What came in with them, as it was written. */
const bodies = [];

async function listen(handle) {
	const server = createServer(handle).listen(0, "127.0.0.1");
	// A connection that is closed just when it is used again fails the test.
	server.keepAliveTimeout = 120_000;
	await once(server, "listening");
	return server.address().port;
}

async function federate(incoming, outgoing) {
	if (incoming.url === "/picture.png") {
		outgoing.writeHead(200, { "Content-Type": "image/png" }).end(picture);
		return;
	}
	const headers = new Headers();
	for (const [name, values] of Object.entries(incoming.headersDistinct)) {
		values.forEach((value) => headers.append(name, value));
	}
	const body = incoming.method === "POST" ? await buffer(incoming) : undefined;
	const request = new Request(new URL(incoming.url, origin), { method: incoming.method, headers, body });
	const nothing = () => new Response("nothing here", { status: 404 });
	const response = await federation.fetch(request, { contextData: undefined, onNotFound: nothing, onNotAcceptable: nothing });
	if (body) {
		bodies.push(body.toString());
		deliveries.push({
			path: incoming.url, status: response.status, id: JSON.parse(body.toString()).id,
			signature: headers.has("signature-input") ? "rfc9421" : headers.has("signature") ? "cavage" : "none",
		});
	}
	outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(Buffer.from(await response.arrayBuffer()));
}

async function obey(incoming, outgoing) {
	let status = 200, answer;
	try {
		const name = incoming.url.slice(1);
		const args = JSON.parse((await buffer(incoming)).toString() || "{}");
		answer = { deliveries, bodies }[name] ?? await commands[name](args);
	} catch (error) {
		status = 500;
		answer = { error: String(error.stack ?? error), status: error.statusCode ?? 0 };
	}
	outgoing.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(answer));
}

const port = await listen(federate);
const origin = `http://localhost:${port}`;
const federation = newFederation(origin);
const commands = newCommands(federation.createContext(new URL(origin), undefined));
console.log(JSON.stringify({ url: origin, control: `http://127.0.0.1:${await listen(obey)}` }));
process.stdin.on("end", () => process.exit(0)).resume();
