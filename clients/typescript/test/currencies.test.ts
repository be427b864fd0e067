/** Currencies are asked for once a minute, so that one that has become ambiguous is noticed. */

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { ScriptedWallet } from "./scripted-wallet.js";
import { refusalOf } from "./studio.js";

const scripted = await ScriptedWallet.start();
after(() => {
  scripted.close();
});

test("a currency that has come to be on a second network is refused without it within a minute", async (t) => {
  let passedMs = 0;
  const now = performance.now.bind(performance);
  t.mock.method(performance, "now", () => now() + passedMs);
  const { ledger } = scripted.client([]);
  const opening = { userId: 1, gameCode: "g", currency: "USDT", lock: { amount: 1n } };
  assert.equal((await ledger.openSession(opening)).sessionToken, "t1");
  scripted.networks.push("ETHEREUM");
  passedMs = 55_000;
  assert.equal((await ledger.openSession(opening)).sessionToken, "t1");
  assert.equal(scripted.listed, 1);
  passedMs = 60_000;
  const refusal = await refusalOf(ledger.openSession(opening));
  assert.deepEqual([refusal.reason, refusal.field], ["MISSING_FIELD", "network"]);
  assert.equal((await ledger.openSession({ ...opening, network: "ETHEREUM" })).sessionToken, "t2");
  assert.equal(scripted.listed, 2);
  passedMs = 120_000;
  await Promise.all(Array.from({ length: 10 }, () => ledger.openSession({ ...opening, network: "TRON" })));
  assert.equal(scripted.listed, 3);
});
