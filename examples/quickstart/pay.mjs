// Pay a batch and follow it to its end, whatever the network does. Node 18 or newer, no packages.
// ATLASPAY=http://… KEY=ap_test_… node pay.mjs BATCH.json REFERENCE
import { readFileSync } from "node:fs";

const { ATLASPAY, KEY } = process.env;
const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

// Ask until there is an answer: safe for reading, and for writing with an Idempotency-Key.
async function call(method, path, body, more = {}) {
  const headers = { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json", ...more };
  for (const wait of [1, 2, 4, 8, 16, 32]) {
    let answer;
    try {
      const signal = AbortSignal.timeout(30_000);
      answer = await fetch(ATLASPAY + path, { method, headers, signal, body: body && JSON.stringify(body) });
      if (answer.ok) return await answer.json();
    } catch (fault) { // no answer: it may have been taken in, so the same key again
      console.error(`${fault}; again in ${wait} s`);
      await sleep(wait);
      continue;
    }
    const problem = await answer.json().catch(() => ({}));
    const isBusy = problem.code === "idempotency_in_progress";
    if (![429, 502, 503, 504].includes(answer.status) && !isBusy) {
      throw new Error(`${answer.status} ${problem.code}: ${problem.detail}`);
    }
    await sleep(Number(answer.headers.get("retry-after") ?? wait));
  }
  throw new Error("no answer; run me again, nothing is paid twice");
}

// Every event from the first on, then those to come. Keep the last id you have done.
async function* events(after = "") {
  for (;;) {
    const page = await call("GET", `/v1/events?limit=500${after && `&after=${after}`}`);
    yield* page.data;
    after = page.next_after ?? after;
    if (!page.has_more) await sleep(0.5);
  }
}

const [file, reference] = process.argv.slice(2);
const wanted = { ...JSON.parse(readFileSync(file, "utf8")), reference };
// A key that is yours and lasting: a second run of this program sends the same one.
const batch = await call("POST", "/v1/batches", wanted, { "Idempotency-Key": reference });
console.log("accepted", batch.accepted_count, "rejected", batch.rejected_count);
for await (const { type, data } of events()) {
  if (data.payout?.batch_id === batch.id) console.log(type, data.payout.reference);
  if (type === "batch.completed" && data.batch.id === batch.id) {
    console.log(data.batch.status);
    break;
  }
}
