/** Whatever ends a stream, and by whomever: everything has its outcome, or the caller hears why not; nothing waits for ever. */

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Code } from "@connectrpc/connect";
import type { Operation, Outcome } from "@wallet/sdk-server";

import { endStream, fail, letThrough, ScriptedWallet } from "./scripted-wallet.js";
import { refusalOf } from "./studio.js";

const scripted = await ScriptedWallet.start();
const now = performance.now.bind(performance);
let aheadMs = 0;
performance.now = () => now() + aheadMs;
after(() => {
  scripted.close();
});

const MINUTE_MS = 60_000;
const inTime = { timeout: 30_000 };
const broken = fail(Code.Unavailable);

function betOf(transactionId: string): Operation {
  return { call: "bet", sessionToken: "t", transactionId, round: "1", amount: 1n };
}

function idOf({ operation }: Outcome): string {
  return (operation as { transactionId: string }).transactionId;
}

async function idsOf(outcomes: AsyncIterable<Outcome>): Promise<string[]> {
  const ids: string[] = [];
  for await (const outcome of outcomes) ids.push(idOf(outcome));
  return ids;
}

/** Gives one operation, and then waits for ever for what nobody tells. */
async function* oneThenNothing(): AsyncGenerator<Operation> {
  yield betOf("b0");
  await new Promise(() => undefined);
}

test("a reader who breaks off does not wait for a source that is still asked", inTime, async () => {
  for await (const outcome of scripted.client([]).ledger.stream(oneThenNothing())) {
    assert.equal(idOf(outcome), "b0");
    break;
  }
});

test("a stream that fails does not wait for a source that is still asked", inTime, async () => {
  const { ledger } = scripted.client(Array.from({ length: 100 }, () => broken));
  const error = await refusalOf(idsOf(ledger.stream(oneThenNothing(), { timeoutMs: 500 })));
  assert.equal(error.retry, "SAME_REQUEST");
});

test("a source that has given all is not told to end", inTime, async () => {
  const operations = ["b0", "b1"].map(betOf).values();
  let returns = 0;
  const iterator = { next: () => operations.next(), return: () => ({ done: true as const, value: ++returns }) };
  const source: Iterable<Operation> = { [Symbol.iterator]: () => iterator };
  assert.deepEqual(await idsOf(scripted.client([]).ledger.stream(source)), ["b0", "b1"]);
  assert.equal(returns, 0);
});

test("what the operations fail with is there also where the stream stays broken", inTime, async () => {
  const own = new Error("the studio's own");
  function* failing(): Generator<Operation> {
    yield betOf("b0");
    throw own;
  }
  const whole = scripted.client([broken]).ledger;
  await assert.rejects(idsOf(whole.stream(failing())), own);
  const { ledger } = scripted.client(Array.from({ length: 100 }, () => broken));
  const error = await refusalOf(idsOf(ledger.stream(failing(), { timeoutMs: 500 })));
  assert.deepEqual([error.retry, error.cause], ["SAME_REQUEST", own]);
});

test("a stream that ends early goes on in another one", inTime, async () => {
  let goOn: () => void = () => undefined;
  const told = new Promise<void>((resolve) => (goOn = resolve));
  async function* oneByOne(): AsyncGenerator<Operation> {
    yield betOf("b0");
    await told;
    yield betOf("b1");
    yield betOf("b2");
  }
  const ids: string[] = [];
  for await (const outcome of scripted.client([endStream(1), letThrough, endStream(0)]).ledger.stream(oneByOne())) {
    ids.push(idOf(outcome));
    goOn();
  }
  assert.deepEqual(ids, ["b0", "b1", "b2"]);
});

test("a stream's time is the wallet's only: not its reader's", inTime, async () => {
  const ids: string[] = [];
  const { ledger } = scripted.client([letThrough, broken], { timeoutMs: 20_000 });
  for await (const outcome of ledger.stream(["b0", "b1"].map(betOf))) {
    ids.push(idOf(outcome));
    aheadMs += MINUTE_MS;
  }
  assert.deepEqual(ids, ["b0", "b1"]);
});

test("a stream's time is the wallet's only: not that of a source which is quiet, or blocks", inTime, async () => {
  let goOn: () => void = () => undefined;
  const told = new Promise<void>((resolve) => (goOn = resolve));
  async function* quiet(): AsyncGenerator<Operation> {
    yield betOf("b0");
    await told;
    aheadMs += MINUTE_MS;
    scripted.hangUp();
    yield betOf("b1");
  }
  const ids: string[] = [];
  for await (const outcome of scripted.client([], { timeoutMs: 20_000 }).ledger.stream(quiet())) {
    ids.push(idOf(outcome));
    goOn();
  }
  function* blocking(): Generator<Operation> {
    for (const id of ["b2", "b3"]) {
      aheadMs += MINUTE_MS;
      yield betOf(id);
    }
  }
  ids.push(...(await idsOf(scripted.client([broken], { timeoutMs: 20_000 }).ledger.stream(blocking()))));
  assert.deepEqual(ids, ["b0", "b1", "b2", "b3"]);
});
