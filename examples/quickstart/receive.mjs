// Receive webhooks of AtlasPay, believe the genuine ones, and do each once. Node 18 or newer, no packages.
// node receive.mjs FILE [PORT]: FILE is the answer to creating the endpoint; it holds the secret.
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

// headers with lower-case names; body: Buffer exactly as received
export function isGenuine(secret, headers, body) {
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (!/^\d+$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key)
    .update(`${headers["webhook-id"]}.${timestamp}.`).update(body).digest();
  return (headers["webhook-signature"] ?? "").split(" ").some((one) => {
    const [version, text] = one.split(",", 2);
    const offered = Buffer.from(text ?? "", "base64");
    return version === "v1" && offered.length === expected.length && timingSafeEqual(offered, expected);
  });
}

function describe(event) {
  const payout = event.data.payout;
  return payout ? `${event.type} ${payout.reference} ${payout.failure?.code ?? ""}`.trim() : event.type;
}

const secret = JSON.parse(readFileSync(process.argv[2], "utf8")).secret;
const port = Number(process.argv[3] ?? 8300);
const seen = new Set(); // yours is a table with a unique key, so that a restart forgets nothing

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks); // verify the raw body first; parse it afterwards
  const answer = (status, words) => {
    response.writeHead(status).end();
    console.log(status, words);
  };
  if (!isGenuine(secret, request.headers, body)) return answer(400, "refused");
  const isNew = !seen.has(request.headers["webhook-id"]);
  seen.add(request.headers["webhook-id"]);
  return answer(204, isNew ? describe(JSON.parse(body)) : "seen before");
}).listen(port, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${port}`));
