/** What is sent again, with which id, when, and over which connection. */

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Code } from "@connectrpc/connect";
import type { Operation } from "@wallet/sdk-server";

import type { Step } from "./scripted-wallet.js";
import { fail, hangUp, letThrough, refuse, ScriptedWallet, silence } from "./scripted-wallet.js";
import { given, refusalOf } from "./studio.js";

const scripted = await ScriptedWallet.start();
after(() => {
  scripted.close();
});

const bet = { sessionToken: "t", transactionId: "r1", round: "1", amount: 1n };
const ASKED_MS = 400; // much longer than the SDK's own first pause

function bets(count: number): Operation[] {
  return Array.from({ length: count }, (_, index) => ({ call: "bet", ...bet, transactionId: `b${index}` }));
}

test("exactly what the table of errors calls SAME_REQUEST is sent again, with the same id", async () => {
  const table = Object.entries(JSON.parse(given("WALLET_RETRIES")) as Record<string, string>);
  assert.ok(table.length > 40);
  for (const [reason, retry] of table) {
    const refusal = refuse(reason, retry);
    if (retry === "SAME_REQUEST") {
      assert.equal((await scripted.client([refusal]).ledger.bet(bet)).transactionId, "r1", reason);
      assert.ok(scripted.bets.length >= 2, reason);
      assert.ok(scripted.bets.every((each) => each.transactionId === "r1"), reason);
    } else {
      const error = await refusalOf(scripted.client(Array.from({ length: 9 }, () => refusal)).ledger.bet(bet));
      assert.deepEqual([error.reason, error.retry], [reason, retry]);
      // A machine that is busy for 2 s is a wallet without an answer: then it was sent again, over another connection.
      if (scripted.connections === 1) assert.equal(scripted.bets.length, 1, reason);
    }
  }
});

test("what gRPC says without the wallet is sent again unless it would be refused again", async () => {
  for (const code of [Code.Unavailable, Code.Internal, Code.Unknown, Code.Canceled, Code.Aborted, Code.DeadlineExceeded]) {
    await scripted.client([fail(code)]).ledger.bet(bet);
    assert.equal(scripted.bets.length, 2, Code[code]);
  }
  for (const code of [Code.Unimplemented, Code.ResourceExhausted, Code.Unauthenticated, Code.InvalidArgument]) {
    const error = await refusalOf(scripted.client([fail(code)]).ledger.bet(bet));
    assert.deepEqual([error.retry, scripted.bets.length], ["NEVER", 1], Code[code]);
  }
});

test("the wallet's own delay is waited for, whichever way it is told", async () => {
  for (const step of [
    refuse("QUEUE_FULL", "SAME_REQUEST", ASKED_MS, Code.ResourceExhausted),
    fail(Code.Unavailable, { "grpc-retry-pushback-ms": String(ASKED_MS) }),
  ]) {
    await scripted.client([step]).ledger.bet(bet);
    const [first, second] = scripted.bets;
    assert.ok(first !== undefined && second !== undefined && second.atMs - first.atMs >= ASKED_MS);
  }
});

test("a server that asks for no more gets no more, and nobody waits for what is after the deadline", async () => {
  const never = scripted.client([fail(Code.Unavailable, { "grpc-retry-pushback-ms": "-1" })]);
  const error = await refusalOf(never.ledger.bet(bet));
  assert.deepEqual([error.retry, error.retryAfterMs, scripted.bets.length], ["SAME_REQUEST", Infinity, 1]);
  const late = scripted.client([refuse("RATE_LIMITED", "SAME_REQUEST", 5_000)], { timeoutMs: 1_000 });
  const begun = performance.now();
  assert.equal((await refusalOf(late.ledger.bet(bet))).retryAfterMs, 5_000);
  assert.ok(performance.now() - begun < 1_000);
});

test("a call has one deadline, however often it is sent", async () => {
  const { ledger } = scripted.client(Array.from({ length: 100 }, () => fail(Code.Unavailable)));
  const begun = performance.now();
  const error = await refusalOf(ledger.bet(bet, { timeoutMs: 1_000 }));
  assert.equal(error.retry, "SAME_REQUEST");
  assert.ok(performance.now() - begun < 2_000);
  assert.ok(scripted.bets.length >= 2, `${scripted.bets.length}`);
});

test("what a connection swallowed is sent again over another one", async () => {
  await scripted.client([silence]).ledger.bet(bet);
  assert.ok(scripted.bets.length >= 2); // more, where the machine was too slow for the second answer as well
  assert.equal(scripted.connections, scripted.bets.length);
});

test("what a broken connection may have lost is sent again", async () => {
  await scripted.client([hangUp, hangUp]).ledger.bet(bet);
  assert.deepEqual(scripted.bets.map((each) => each.transactionId), ["r1", "r1", "r1"]);
});

test("whoever gives a call up is told at once", async () => {
  const given = new AbortController();
  const step: Step = (wallet, signal) => {
    given.abort();
    return silence(wallet, signal);
  };
  const error = await refusalOf(scripted.client([step]).ledger.bet(bet, { signal: given.signal }));
  assert.deepEqual([error.reason, error.retry, scripted.bets.length], ["CANCELLED", "SAME_REQUEST", 1]);
});

test("a client that is closed sends nothing again, and nothing any more", async () => {
  const client = scripted.client([(wallet, signal) => (client.close(), silence(wallet, signal))]);
  const { ledger } = client;
  assert.equal((await refusalOf(ledger.bet(bet))).reason, "CANCELLED");
  assert.deepEqual([(await refusalOf(ledger.bet(bet))).reason, scripted.bets.length], ["CANCELLED", 1]);
});

test("of a batch only what must be is sent again", async () => {
  const { ledger } = scripted.client([letThrough, refuse("CONFLICT", "SAME_REQUEST"), refuse("ROUND_CLOSED", "AFTER_CHANGE")]);
  const outcomes = await ledger.batch(bets(4));
  assert.deepEqual(outcomes.map(({ error }) => error?.reason), [undefined, undefined, "ROUND_CLOSED", undefined]);
  assert.deepEqual(scripted.bets.map((each) => each.transactionId), ["b0", "b1", "b2", "b3", "b1"]);
});

test("a stream that breaks is taken up again where its answers ended", async () => {
  const broken = fail(Code.Unavailable);
  const { ledger } = scripted.client([letThrough, letThrough, broken, letThrough, hangUp]);
  const told: string[] = [];
  for await (const { result } of ledger.stream(bets(10))) told.push((result as { transactionId: string }).transactionId);
  assert.deepEqual(told, bets(10).map((each) => (each as { transactionId: string }).transactionId));
});

test("a stream that falls silent is opened again over another connection", async () => {
  const { ledger } = scripted.client([letThrough, silence]);
  let told = 0;
  for await (const { error } of ledger.stream(bets(5))) told += error === undefined ? 1 : 0;
  assert.deepEqual([told, scripted.connections], [5, 2]);
});

test("a batch has one deadline however many calls it takes, and each operation is told its id", async () => {
  const { ledger } = scripted.client(Array.from({ length: 9 }, () => silence));
  const outcomes = await ledger.batch(bets(2_500), { timeoutMs: 1_000 });
  assert.ok(scripted.bets.every((each) => Number(each.transactionId.slice(1)) < 1_000)); // of the first call
  const told = outcomes.map(({ error }) => [error?.reason, error?.retry, error?.transactionId]);
  assert.deepEqual(told, bets(2_500).map((_, place) => ["DEADLINE_EXCEEDED", "SAME_REQUEST", `b${place}`]));
  assert.match(String(outcomes[2_000]?.error?.message), /no time left to send it/);
});
