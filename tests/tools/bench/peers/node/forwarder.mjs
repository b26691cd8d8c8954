// The forwarder that a team would write in Node: kafkajs, undici, a number of requests at a time.
//
// A batch's offsets are resolved once every request of it was answered. Settings come from the environment; see
// ../README.md.

import { readFileSync } from "node:fs";
import { Kafka, logLevel } from "kafkajs";
import { Pool } from "undici";
import { translate } from "./translate.mjs";

const env = process.env;
const WORKERS = Number(env.WORKERS ?? 64);
const MOST_ATTEMPTS = 8;

const pool = new Pool(env.ENDPOINT, {
  connections: env.HTTP === "2" ? 1 : WORKERS,
  allowH2: env.HTTP === "2",
  maxConcurrentStreams: WORKERS,
  pipelining: env.HTTP === "2" ? WORKERS : 1,
  connect: { ca: readFileSync(env.CA_FILE) },
  headersTimeout: 15_000,
  bodyTimeout: 15_000,
});
const headers = { authentication: env.S2S_KEY, "content-type": "application/json" };

async function deliver({ path, body }) {
  for (let attempt = 0; ; attempt++) {
    let status = 0;
    try {
      const answer = await pool.request({ path, method: "POST", headers, body });
      await answer.body.dump();
      status = answer.statusCode;
    } catch (error) {
      if (attempt === MOST_ATTEMPTS) console.error(error.message);
    }
    if (status === 200) return;
    if (status >= 300 && status < 500 && status !== 429 && status !== 408) {
      console.error(`given up: status ${status}`);
      return;
    }
    if (attempt === MOST_ATTEMPTS) {
      console.error(`given up after ${attempt} attempts`);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 500 * 2 ** attempt));
  }
}

async function eachBatch({ batch, resolveOffset, heartbeat, commitOffsetsIfNecessary }) {
  const { messages } = batch;
  let next = 0;
  async function work() {
    while (next < messages.length) {
      const request = translate(messages[next++].value);
      if (request !== null) await deliver(request);
    }
  }
  await Promise.all(Array.from({ length: Math.min(WORKERS, messages.length) }, work));
  resolveOffset(batch.lastOffset());
  await heartbeat();
  await commitOffsetsIfNecessary();
}

const kafka = new Kafka({ brokers: env.BOOTSTRAP.split(","), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId: env.GROUP, maxBytesPerPartition: 1 << 20 });
await consumer.connect();
await consumer.subscribe({ topic: env.TOPIC, fromBeginning: true });
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, async () => {
    await consumer.disconnect();
    await pool.close();
    process.exit(0);
  });
}
await consumer.run({ eachBatch, eachBatchAutoResolve: false, autoCommitInterval: 5000, partitionsConsumedConcurrently: 4 });
