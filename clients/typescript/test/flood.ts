/**
 * Plays sessions over whatever network is there, without any code of its own that sends something again: a third of them
 * call by call, a third in batches, a third as streams. Writes what must be there afterwards, for others to compare.
 */

import type { Operation } from "@wallet/sdk-server";

import { given, walletOf } from "./studio.js";

const SESSIONS_AT_ONCE = 24;
const BATCH_ROUNDS = 30;

const plan = JSON.parse(given("WALLET_FLOOD")) as { userId: string; rounds: number }[];
const wallet = walletOf({ timeoutMs: 120_000, connections: 2 });
const { ledger } = wallet;

/** Of three rounds one is won, one is rolled back, one is lost. */
function endOf(sessionToken: string, round: number): Operation[] {
  const referenceTransactionId = `b${round}`;
  const win = { sessionToken, transactionId: `w${round}`, referenceTransactionId, round: `${round}`, amount: 3n };
  if (round % 3 === 0) return [{ call: "rollback", sessionToken, referenceTransactionId }];
  return round % 3 === 1 ? [{ call: "win", ...win, roundClosed: true }] : [];
}

function betOf(sessionToken: string, round: number): Operation {
  return { call: "bet", sessionToken, transactionId: `b${round}`, round: `${round}`, amount: 2n };
}

function* rounds(sessionToken: string, first: number, last: number): Generator<Operation> {
  for (let round = first; round <= last; round++) {
    yield betOf(sessionToken, round);
    yield* endOf(sessionToken, round);
  }
}

async function call(operation: Operation): Promise<unknown> {
  switch (operation.call) {
    case "bet":
      return ledger.bet(operation);
    case "win":
      return ledger.win(operation);
    case "rollback":
      return ledger.rollback(operation);
    default:
      throw new Error(`no play: ${operation.call}`);
  }
}

async function play(sessionToken: string, last: number, way: number): Promise<void> {
  if (way === 0) {
    for (const operation of rounds(sessionToken, 1, last)) await call(operation);
  } else if (way === 1) {
    for (let first = 1; first <= last; first += BATCH_ROUNDS) {
      const part = [...rounds(sessionToken, first, Math.min(last, first + BATCH_ROUNDS - 1))];
      const bets = part.filter((each) => each.call === "bet");
      const ends = part.filter((each) => each.call !== "bet");
      for (const { error } of [...(await ledger.batch(bets)), ...(await ledger.batch(ends))]) if (error) throw error;
    }
  } else {
    for await (const { error } of ledger.stream(rounds(sessionToken, 1, last))) if (error) throw error;
  }
}

const waiting = [...plan.entries()];
const told: { sessionToken: string; payout: string }[] = [];

async function sessions(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [index, { userId, rounds: last }] = next;
    const lock = { amount: 10_000n };
    const opening = { userId, gameCode: "flood", currency: "USDC", lock, transactionId: `flood-${userId}` };
    const { sessionToken } = await ledger.openSession(opening);
    await play(sessionToken, last, index % 3);
    const { payout } = await ledger.settleSession({ sessionToken });
    told.push({ sessionToken, payout: payout.toString() });
  }
}

await Promise.all(Array.from({ length: SESSIONS_AT_ONCE }, sessions));
wallet.close();
console.log(JSON.stringify(told));
