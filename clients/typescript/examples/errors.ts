/** What is refused says why, and whether the same request may be sent again. */

import { WalletError, WalletServer } from "@wallet/sdk-server";

const wallet = new WalletServer({
  secretKey: process.env.WALLET_SECRET_KEY!,
  baseUrl: process.env.WALLET_URL!,
  timeoutMs: 5_000, // a call's whole time, what is sent again included
});

const { sessionToken } = await wallet.ledger.openSession({
  userId: process.env.WALLET_USER_ID!,
  gameCode: "momentum",
  currency: "USDC",
  lock: { amount: 1_000_000n },
});

try {
  await wallet.ledger.bet({ sessionToken, transactionId: "r1", round: "1", amount: 2_000_000n });
} catch (error) {
  if (!(error instanceof WalletError)) throw error;
  switch (error.retry) {
    case "NEVER": // the request is wrong: `error.field` says where
      throw error;
    case "AFTER_CHANGE": // nothing moved; here the player has too little
      console.log(`refused: ${error.reason}, there is ${error.metadata.balance_minor}`);
      break;
    case "SAME_REQUEST": // no answer in 5 s: it may have been applied. Ask again later, or cancel it for certain
      await wallet.ledger.rollback({ sessionToken, referenceTransactionId: "r1" });
  }
}

await wallet.ledger.settleSession({ sessionToken, requireClosedRounds: true });
