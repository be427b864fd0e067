/** A round of many players: every stake and every share in one call each. */

import type { Operation } from "@wallet/sdk-server";
import { WalletServer } from "@wallet/sdk-server";

const wallet = new WalletServer({ secretKey: process.env.WALLET_SECRET_KEY!, baseUrl: process.env.WALLET_URL! });
const userId = process.env.WALLET_USER_ID!;

const openings = Array.from({ length: 3 }, () => ({
  call: "openSession" as const, userId, gameCode: "pool", currency: "USDC", lock: { amount: 1_000_000n },
}));
const tokens: string[] = [];
for (const { call, result, error } of await wallet.ledger.batch(openings)) {
  if (error !== undefined) throw error; // each has its own: here all must be there
  if (call === "openSession") tokens.push(result.sessionToken);
}

const stakes: Operation[] = tokens.map((sessionToken) => ({
  call: "bet", sessionToken, transactionId: "stake", round: "7", amount: 400_000n,
}));
const settlements: Operation[] = tokens.map((sessionToken) => ({ call: "settleSession", sessionToken }));
const share: Operation = {
  call: "win", sessionToken: tokens[0]!, transactionId: "share", referenceTransactionId: "stake", round: "7",
  amount: 1_200_000n, roundClosed: true,
};
// Operations of one player take effect in their order.
for (const { call, result, error } of await wallet.ledger.batch([...stakes, share, ...settlements])) {
  if (error !== undefined) throw error;
  if (call === "settleSession") console.log(`settled: ${result.payout}`);
}
