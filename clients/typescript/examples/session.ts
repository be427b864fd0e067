/** A session from its opening to its settlement, in the words of the studios' page. */

import { WalletServer as IAMGameWalletServer } from "@wallet/sdk-server";

const userId = process.env.WALLET_USER_ID!;

const wallet = new IAMGameWalletServer({
  secretKey: process.env.IAMGAME_WALLET_SECRET_KEY!, // sk_ — BACKEND ONLY
  baseUrl: process.env.WALLET_URL!,
});
// 1) Open a session — ONE lock. The funds are held; the session can bet up to it.
const s = await wallet.ledger.openSession({
  userId, gameCode: "momentum", currency: "USDC",
  lock: { amount: 50_000_000n }, // integer base units (micro-USDC), always
}); // → { sessionToken, lockedBalance }
// 2) Hot path — memory-speed, unlimited frequency. Idempotent on transactionId.
await wallet.ledger.bet({ sessionToken: s.sessionToken,
  transactionId: "r1", round: "1", amount: 1_000_000n });
await wallet.ledger.win({ sessionToken: s.sessionToken,
  transactionId: "r1-w", referenceTransactionId: "r1",
  round: "1", amount: 1_800_000n, roundClosed: true });
// await wallet.ledger.rollback({ sessionToken, referenceTransactionId: "r1" });
// await wallet.ledger.balance({ sessionToken });
// 3) Settle once — the NET result moves back on-chain.
const { payout } = await wallet.ledger.settleSession(s.sessionToken);

console.log(`locked ${s.lockedBalance}, paid out ${payout}`);
