// A client of the line protocol: a store of session logs from JavaScript, without packages.
//
//     node client.mjs session-store serve fs:logs
//
// docs/PROTOCOL.md describes the protocol.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";

/** A store that a child process serves. */
export class Store {
  #process;
  #lastId = 0;
  #waiting = new Map();
  #ended = false;

  /** Starts the server and waits for its greeting. */
  static async start(command, ...args) {
    const store = new Store();
    const server = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    store.#process = server;
    // An error of the pipe means that the server has ended, which ends all calls below.
    server.stdin.on("error", () => {});
    const greeting = new Promise((resolve, reject) => {
      store.#waiting.set(null, { resolve, reject });
    });
    const lines = createInterface({ input: server.stdout });
    lines.on("line", (line) => store.#receive(line));
    lines.on("close", () => store.#end("the server has ended"));
    server.on("error", (error) => store.#end(error.message));
    store.capabilities = (await greeting).capabilities;
    return store;
  }

  #receive(line) {
    if (!line.startsWith("{")) return;
    const message = JSON.parse(line);
    if ("session_store" in message) {
      const { resolve, reject } = this.#take(null);
      if (message.session_store === 1) resolve(message.store);
      else reject(new Error("the server speaks another version of the protocol"));
      return;
    }
    const call = this.#take(message.id);
    if (message.error) call?.reject(Object.assign(new Error(message.error.message), message.error));
    else call?.resolve(message.ok ?? null);
  }

  #take(id) {
    const call = this.#waiting.get(id);
    this.#waiting.delete(id);
    return call;
  }

  #end(message) {
    this.#ended = true;
    const error = Object.assign(new Error(message), { kind: "indeterminate" });
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  /** Makes a call and returns a promise of its result. */
  call(call, fields = {}) {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(Object.assign(new Error("the server has ended"), { kind: "indeterminate" }));
        return;
      }
      const id = ++this.#lastId;
      this.#waiting.set(id, { resolve, reject });
      this.#process.stdin.write(JSON.stringify({ id, call, ...fields }) + "\n");
    });
  }

  /** Ends the server after its last reply. Returns a promise of its exit status. */
  close() {
    return new Promise((resolve) => {
      this.#process.on("exit", resolve);
      this.#process.stdin.end();
    });
  }
}

const store = await Store.start(...process.argv.slice(2));
const segment = { session_id: randomUUID(), segment_id: randomUUID() };
await store.call("append", { ...segment, entry: JSON.stringify({ kind: "user_input", text: "hi" }) });
// Four calls at once.
const numbers = [0, 1, 2, 3];
const entries = numbers.map((n) => JSON.stringify({ kind: "step", n }));
await Promise.all(entries.map((entry) => store.call("append", { ...segment, entry })));
for (const entry of await store.call("read_all", segment)) console.log(entry);
try {
  await store.call("read_all", { ...segment, segment_id: randomUUID() });
} catch (error) {
  console.log(error.kind);
}
process.exit(await store.close());
