/** Batches and streams on a real wallet. */

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Operation, Outcome } from "@wallet/sdk-server";
import { WalletError } from "@wallet/sdk-server";

import { mainOf, playerWith, refusalOf, sessionWith, wallet, walletOf } from "./studio.js";

const { ledger } = wallet;

function betsOf(sessionToken: string, count: number, amount: bigint): Operation[] {
  const bet = { call: "bet", sessionToken, round: "1", amount } as const;
  return Array.from({ length: count }, (_, index) => ({ ...bet, transactionId: `b${index}` }));
}

test("a batch of any length has each outcome in its place", async () => {
  const { sessionToken } = await sessionWith(10_000n);
  const operations = betsOf(sessionToken, 1_500, 1n);
  operations.splice(700, 0, { call: "bet", sessionToken, transactionId: "too-much", round: "1", amount: 20_000n });
  const outcomes = await ledger.batch(operations);
  assert.deepEqual(outcomes.map((outcome) => outcome.operation), operations);
  assert.deepEqual(outcomes.flatMap((outcome, place) => (outcome.error === undefined ? [] : [place])), [700]);
  assert.equal(outcomes[700]?.error?.reason, "INSUFFICIENT_FUNDS");
  assert.equal((await ledger.balance({ sessionToken })).balance, 8_500n);
});

test("a batch opens, plays and settles", async () => {
  const userId = await playerWith(100n);
  const opening: Operation = { call: "openSession", userId, gameCode: "g", currency: "USDC", lock: { amount: 60n } };
  const [opened] = await ledger.batch([opening]);
  assert.ok(opened?.call === "openSession" && opened.error === undefined);
  const { sessionToken } = opened.result;
  const outcomes = await ledger.batch([
    { call: "bet", sessionToken, transactionId: "r1", round: "1", amount: 10n },
    { call: "win", sessionToken, transactionId: "r1-w", referenceTransactionId: "r1", round: "1", amount: 30n },
    { call: "rollback", sessionToken, referenceTransactionId: "never" },
    { call: "settleSession", sessionToken },
  ]);
  assert.deepEqual(outcomes.map(({ error }) => error), [undefined, undefined, undefined, undefined]);
  assert.equal(await mainOf(userId), 120n);
});

test("an operation of a batch that is wrong is told with its place, and nothing is sent", async () => {
  const { sessionToken } = await sessionWith(100n);
  const operations = betsOf(sessionToken, 3, 1n);
  operations[2] = { call: "bet", sessionToken, transactionId: "x", round: "1", amount: -1n };
  const refused = await refusalOf(ledger.batch(operations));
  assert.deepEqual([refused.reason, refused.field], ["INVALID_AMOUNT", "operations[2].amount"]);
  assert.equal((await ledger.balance({ sessionToken })).balance, 100n);
});

test("a stream gives every outcome in the order of the operations", async () => {
  const { sessionToken } = await sessionWith(10_000n);
  const operations = betsOf(sessionToken, 2_000, 1n);
  const outcomes: Outcome[] = [];
  for await (const outcome of ledger.stream(operations)) outcomes.push(outcome);
  assert.deepEqual(outcomes.map((outcome) => outcome.operation), operations);
  assert.ok(outcomes.every((outcome) => outcome.error === undefined));
  assert.equal((await ledger.balance({ sessionToken })).balance, 8_000n);
});

test("a stream takes no more than answers keep up with, and ends when its reader does", async () => {
  const { sessionToken } = await sessionWith(100_000n);
  let taken = 0;
  let ended = false;
  function* endless(): Generator<Operation> {
    try {
      for (; ; taken++) yield { call: "bet", sessionToken, transactionId: `b${taken}`, round: "1", amount: 1n };
    } finally {
      ended = true;
    }
  }
  let told = 0;
  for await (const { error } of ledger.stream(endless())) {
    assert.equal(error, undefined);
    if (++told === 1_000) break;
  }
  assert.ok(ended);
  assert.ok(taken <= told + 501, `${taken} were taken`);
});

test("a stream waits for a source that is slow, and fails with what its source fails with", async () => {
  const { sessionToken } = await sessionWith(100n);
  const [first, second] = betsOf(sessionToken, 2, 1n) as [Operation, Operation];
  async function* slow(): AsyncGenerator<Operation> {
    yield first;
    await new Promise((resolve) => setTimeout(resolve, 2_500)); // longer than an attempt's patience
    yield second;
    throw new Error("the studio's own");
  }
  const outcomes: Outcome[] = [];
  await assert.rejects(async () => {
    for await (const outcome of ledger.stream(slow())) outcomes.push(outcome);
  }, /the studio's own/);
  assert.equal(outcomes.length, 2);
});

test("a stream without a wallet fails within its time, and what it was not asked is refused", async () => {
  const nobody = walletOf({ baseUrl: "http://127.0.0.1:9", timeoutMs: 300 });
  const read = async () => {
    for await (const outcome of nobody.ledger.stream(betsOf("t", 1, 1n))) assert.fail(outcome.call);
  };
  const error = await refusalOf(read);
  assert.deepEqual([error.reason, error.retry], ["UNAVAILABLE", "SAME_REQUEST"]);
  const unnamed = refusalOf(ledger.batch([{ call: "bid" } as unknown as Operation]));
  assert.ok((await unnamed) instanceof WalletError);
  assert.equal((await unnamed).field, "operations[0].call");
});
