/** What the studios' page promises, on a real wallet. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { WalletServer } from "@wallet/sdk-server";

import { key, mainOf, otherKey, playerWith, refusalOf, sessionWith, url, wallet, walletOf } from "./studio.js";

const { ledger } = wallet;

test("a session from its opening to its settlement", async () => {
  const userId = await playerWith(100n);
  const opened = await ledger.openSession({ userId, gameCode: "momentum", currency: "USDC", lock: { amount: 50n } });
  const { sessionToken } = opened;
  assert.deepEqual([opened.lockedBalance, opened.balance, opened.status], [50n, 50n, "OPEN"]);
  assert.deepEqual([opened.userId, opened.gameCode, opened.replayed], [userId, "momentum", false]);
  assert.ok(opened.expiresAt > opened.openedAt);
  const bet = await ledger.bet({ sessionToken, transactionId: "r1", round: "1", amount: 10n });
  assert.deepEqual(bet, {
    transactionId: "r1", status: "APPLIED", balance: 40n, balanceAfter: 40n, replayed: false, late: false,
  });
  const win = { sessionToken, transactionId: "r1-w", referenceTransactionId: "r1", round: "1", amount: 18n };
  assert.equal((await ledger.win({ ...win, roundClosed: true })).balance, 58n);
  assert.equal((await ledger.balance({ sessionToken })).balance, 58n);
  const settled = await ledger.settleSession({ sessionToken, requireClosedRounds: true });
  assert.deepEqual([settled.payout, settled.net, settled.openRounds, settled.replayed], [58n, 8n, 0, false]);
  assert.deepEqual(await ledger.settleSession(sessionToken), { ...settled, replayed: true });
  assert.equal((await ledger.balance({ sessionToken })).status, "SETTLED");
  assert.equal(await mainOf(userId), 108n);
});

test("a duplicate gives the stored result, and never debits twice", async () => {
  const { sessionToken } = await sessionWith(50n);
  const bet = { sessionToken, transactionId: "r1", round: "1", amount: 10n };
  const first = await ledger.bet(bet);
  await ledger.bet({ ...bet, transactionId: "r2" });
  const again = await ledger.bet(bet);
  assert.deepEqual(again, { ...first, replayed: true, balance: 30n });
  const other = await refusalOf(ledger.bet({ ...bet, amount: 11n }));
  assert.deepEqual([other.reason, other.retry, other.field], ["IDEMPOTENCY_KEY_REUSED", "NEVER", "amount"]);
  assert.equal((await ledger.balance({ sessionToken })).balance, 30n);
});

test("an opening with the same id is the same session", async () => {
  const opening = {
    userId: await playerWith(100n), gameCode: "g", currency: "USDC", lock: { amount: 60n }, transactionId: randomUUID(),
  };
  const one = await ledger.openSession(opening);
  const again = await ledger.openSession(opening);
  assert.deepEqual([again.sessionToken, again.replayed], [one.sessionToken, true]);
  const unnamed = { ...opening, transactionId: undefined };
  assert.equal((await refusalOf(ledger.openSession(withoutId(unnamed)))).reason, "INSUFFICIENT_FUNDS");
});

test("a win for an unseen bet is rejected, and paid once the bet is there", async () => {
  const { sessionToken } = await sessionWith(50n);
  const win = { sessionToken, transactionId: "r1-w", referenceTransactionId: "r1", round: "1", amount: 18n };
  const refused = await refusalOf(ledger.win(win));
  assert.deepEqual([refused.reason, refused.retry, refused.status], ["BET_NOT_FOUND", "AFTER_CHANGE", "NOT_FOUND"]);
  await ledger.bet({ sessionToken, transactionId: "r1", round: "1", amount: 10n });
  assert.equal((await ledger.win(win)).balance, 58n);
  const jackpot = { sessionToken, transactionId: "j", winKind: "JACKPOT" as const, amount: 5n };
  assert.equal((await ledger.win(jackpot)).balance, 63n);
});

test("a rollback before its bet voids it, one after it gives the stake back", async () => {
  const { sessionToken } = await sessionWith(50n);
  const early = await ledger.rollback({ sessionToken, referenceTransactionId: "r1" });
  assert.deepEqual([early.status, early.transactionId], ["VOIDED", "rollback:r1"]);
  const late = await refusalOf(ledger.bet({ sessionToken, transactionId: "r1", round: "1", amount: 10n }));
  assert.deepEqual([late.reason, late.retry], ["TRANSACTION_VOIDED", "NEVER"]);
  await ledger.bet({ sessionToken, transactionId: "r2", round: "2", amount: 10n });
  const back = await ledger.rollback({ sessionToken, referenceTransactionId: "r2" });
  assert.deepEqual([back.status, back.balance], ["APPLIED", 50n]);
  const other = await ledger.rollback({ sessionToken, referenceTransactionId: "r2", transactionId: "mine" });
  assert.equal(other.status, "ALREADY_ROLLED_BACK");
});

test("a closed round takes no bets, an open one is waited for if that is asked", async () => {
  const { sessionToken } = await sessionWith(50n);
  await ledger.bet({ sessionToken, transactionId: "r1", round: "1", amount: 1n });
  const open = await refusalOf(ledger.settleSession({ sessionToken, requireClosedRounds: true }));
  assert.deepEqual([open.reason, open.metadata.open_rounds], ["OPEN_ROUNDS", "1"]);
  await ledger.bet({ sessionToken, transactionId: "r2", round: "1", amount: 1n, roundClosed: true });
  const closed = await refusalOf(ledger.bet({ sessionToken, transactionId: "r3", round: "1", amount: 1n }));
  assert.equal(closed.reason, "ROUND_CLOSED");
  assert.equal((await ledger.settleSession({ sessionToken, requireClosedRounds: true })).net, -2n);
});

test("what is locked is nobody else's, and what comes after the settlement goes to MAIN", async () => {
  const userId = await playerWith(100n);
  const opening = { userId, gameCode: "g", currency: "USDC" };
  const { sessionToken } = await ledger.openSession({ ...opening, lock: { amount: 80n } });
  const more = await refusalOf(ledger.openSession({ ...opening, lock: { amount: 21n } }));
  assert.deepEqual([more.reason, more.metadata.balance_minor], ["INSUFFICIENT_FUNDS", "20"]);
  await ledger.bet({ sessionToken, transactionId: "r1", round: "1", amount: 10n });
  await ledger.settleSession(sessionToken);
  const closed = await refusalOf(ledger.bet({ sessionToken, transactionId: "r2", round: "1", amount: 10n }));
  assert.equal(closed.reason, "SESSION_CLOSED");
  const win = { sessionToken, transactionId: "r1-w", referenceTransactionId: "r1", round: "1", amount: 15n };
  const late = await ledger.win(win);
  assert.deepEqual([late.late, late.balance], [true, 105n]);
});

test("amounts are bigints as large as the wallet's", async () => {
  const most = 10n ** 38n - 1n;
  const { sessionToken } = await sessionWith(most);
  const bet = { sessionToken, transactionId: "r1", round: "1", amount: most };
  assert.equal((await ledger.bet(bet)).balance, 0n);
  const win = { sessionToken, transactionId: "w", referenceTransactionId: "r1", round: "1", amount: most };
  await ledger.win(win);
  assert.equal((await ledger.win({ ...win, transactionId: "w2" })).balance, 2n * most);
});

const wrong: [string, string, (made: Wrong) => Promise<unknown>][] = [
  ["INVALID_AMOUNT", "amount", (w) => ledger.bet({ ...w.bet, amount: 1.5 as unknown as bigint })],
  ["INVALID_AMOUNT", "amount", (w) => ledger.bet({ ...w.bet, amount: 10 as unknown as bigint })],
  ["INVALID_AMOUNT", "amount", (w) => ledger.bet({ ...w.bet, amount: "10" as unknown as bigint })],
  ["INVALID_AMOUNT", "amount", (w) => ledger.bet({ ...w.bet, amount: -1n })],
  ["INVALID_AMOUNT", "amount", (w) => ledger.bet({ ...w.bet, amount: 10n ** 38n })],
  ["MISSING_FIELD", "transactionId", (w) => ledger.bet({ ...w.bet, transactionId: "" })],
  ["INVALID_FIELD", "round", (w) => ledger.bet({ ...w.bet, round: 1 as unknown as string })],
  ["INVALID_FIELD", "roundClosed", (w) => ledger.bet({ ...w.bet, roundClosed: "no" as unknown as boolean })],
  ["INVALID_FIELD", "transactionId", (w) => ledger.bet({ ...w.bet, transactionId: "wallet:x" })],
  ["MISSING_FIELD", "sessionToken", () => ledger.balance({ sessionToken: "" })],
  ["MISSING_FIELD", "referenceTransactionId", (w) => ledger.win({ ...w.bet, referenceTransactionId: "" })],
  ["INVALID_FIELD", "winKind", (w) => ledger.win({ ...w.bet, winKind: "BIG" as "PROMO" })],
  ["INVALID_AMOUNT", "lock.amount", (w) => ledger.openSession({ ...w.opening, lock: { amount: 0n } })],
  ["MISSING_FIELD", "lock", (w) => ledger.openSession({ ...w.opening, lock: undefined as unknown as { amount: bigint } })],
  ["INVALID_FIELD", "userId", (w) => ledger.openSession({ ...w.opening, userId: 1.5 })],
  ["INVALID_FIELD", "userId", (w) => ledger.openSession({ ...w.opening, userId: 2 ** 60 })],
  ["INVALID_FIELD", "userId", (w) => ledger.openSession({ ...w.opening, userId: "x" })],
  ["INVALID_FIELD", "ttlSeconds", (w) => ledger.openSession({ ...w.opening, ttlSeconds: -1 })],
  ["INVALID_FIELD", "ttlSeconds", (w) => ledger.openSession({ ...w.opening, ttlSeconds: 1.5 })],
  ["INVALID_FIELD", "metadata", (w) => ledger.bet({ ...w.bet, metadata: { table: 1 as unknown as string } })],
  ["INVALID_FIELD", "timeoutMs", (w) => ledger.bet(w.bet, { timeoutMs: Infinity })],
  ["INVALID_FIELD", "timeoutMs", (w) => ledger.batch([{ call: "bet", ...w.bet }], { timeoutMs: Number.NaN })],
  ["UNKNOWN_CURRENCY_NETWORK", "currency", (w) => ledger.openSession({ ...w.opening, currency: "DOGE" })],
  ["MISSING_FIELD", "network", (w) => ledger.openSession({ ...w.opening, currency: "USDT" })],
];

interface Wrong {
  readonly bet: { sessionToken: string; transactionId: string; round: string; amount: bigint };
  readonly opening: { userId: string | number; gameCode: string; currency: string; lock: { amount: bigint } };
}

test("what is wrong is told by its name", async () => {
  const { sessionToken, userId } = await sessionWith(50n);
  const made = {
    bet: { sessionToken, transactionId: "r1", round: "1", amount: 10n },
    opening: { userId, gameCode: "g", currency: "USDC", lock: { amount: 1n } },
  };
  for (const [reason, field, call] of wrong) {
    const error = await refusalOf(async () => call(made));
    assert.deepEqual([error.reason, error.field], [reason, field], error.message);
    assert.notEqual(error.retry, "SAME_REQUEST");
  }
  assert.equal((await ledger.balance({ sessionToken })).balance, 50n);
});

test("an error tells the id that was sent, also one that was made here", async () => {
  const { sessionToken, userId } = await sessionWith(50n);
  const bet = { sessionToken, transactionId: "r1", round: "1", amount: 51n };
  assert.equal((await refusalOf(ledger.bet(bet))).transactionId, "r1");
  assert.equal((await refusalOf(ledger.settleSession("none"))).transactionId, undefined);
  assert.equal((await refusalOf(ledger.bet({ ...bet, amount: -1n }))).transactionId, undefined);
  const opening = { userId, gameCode: "g", currency: "USDC", lock: { amount: 1n } };
  const made = (await refusalOf(ledger.openSession(opening))).transactionId;
  assert.match(String(made), /^[0-9a-f-]{36}$/);
  const outcomes = await ledger.batch([{ call: "openSession", ...opening }, { call: "bet", ...bet }]);
  assert.match(String(outcomes[0]?.error?.transactionId), /^[0-9a-f-]{36}$/);
  assert.notEqual(outcomes[0]?.error?.transactionId, made);
  assert.equal(outcomes[1]?.error?.transactionId, "r1");
});

test("a currency on several networks is named with its network", async () => {
  const userId = await playerWith(100n, "USDT");
  const opening = { userId, gameCode: "g", currency: "USDT", lock: { amount: 1n } };
  assert.equal((await ledger.openSession({ ...opening, network: "TRON" })).lockedBalance, 1n);
});

test("a token belongs to the source that opened it, and a wrong key opens nothing", async () => {
  const { sessionToken } = await sessionWith(50n);
  const other = walletOf({ secretKey: otherKey });
  assert.equal((await refusalOf(other.ledger.balance({ sessionToken }))).reason, "SESSION_NOT_FOUND");
  other.close();
  const nobody = walletOf({ secretKey: "sk_test_wrong" });
  assert.equal((await refusalOf(nobody.ledger.balance({ sessionToken }))).reason, "CALLER_UNKNOWN");
  nobody.close();
});

test("options that cannot be meant are refused", async () => {
  for (const [options, field] of [
    [{ secretKey: "pk_test_x", baseUrl: url }, "secretKey"],
    [{ secretKey: key, baseUrl: "127.0.0.1:50051" }, "baseUrl"],
    [{ secretKey: key, baseUrl: "https://wallet.example/v1" }, "baseUrl"],
    [{ secretKey: key, baseUrl: url, timeoutMs: 0 }, "timeoutMs"],
    [{ secretKey: key, baseUrl: url, connections: 0 }, "connections"],
  ] as const) {
    assert.equal((await refusalOf(() => new WalletServer(options))).field, field);
  }
});

test("the wallet's own services are there, by the same rules", async () => {
  const userId = await playerWith(100n);
  const { currencyNetworks } = await wallet.players.listCurrencyNetworks({});
  const currencyNetworkId = currencyNetworks.find((each) => each.currency === "USDC")?.currencyNetworkId ?? 0;
  const bet = {
    playerId: BigInt(userId), currencyNetworkId, transactionId: randomUUID(), amountMinor: "101", gameCode: "g",
    roundId: "1",
  };
  const refused = await refusalOf(wallet.players.bet(bet));
  assert.deepEqual([refused.reason, refused.metadata.balance_minor], ["INSUFFICIENT_FUNDS", "100"]);
  assert.equal((await wallet.players.bet({ ...bet, amountMinor: "40" })).balanceAfterMinor, "60");
  const unwritten = await refusalOf(wallet.players.bet({ ...bet, currencyNetworkId: 1.5 }));
  assert.deepEqual([unwritten.reason, unwritten.field], ["INVALID_FIELD", "request"]);
  assert.equal((await refusalOf(wallet.credit.getWallet({ walletKey: `${randomUUID()}:mine` }))).reason, "LEDGER_NOT_FOUND");
});

function withoutId<T extends { transactionId?: string | undefined }>(opening: T): Omit<T, "transactionId"> {
  const { transactionId, ...rest } = opening;
  assert.equal(transactionId, undefined);
  return rest;
}
