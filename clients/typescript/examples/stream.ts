/** A steady flow: as fast as the wallet reads, taken up again where the connection breaks. */

import type { Operation } from "@wallet/sdk-server";
import { WalletServer } from "@wallet/sdk-server";

const wallet = new WalletServer({ secretKey: process.env.WALLET_SECRET_KEY!, baseUrl: process.env.WALLET_URL! });

const { sessionToken } = await wallet.ledger.openSession({
  userId: process.env.WALLET_USER_ID!, gameCode: "crash", currency: "USDC", lock: { amount: 1_000_000n },
});

/** Rounds as they come; also an endless generator will do, since it is asked for no more than answers keep up with. */
function* rounds(): Generator<Operation> {
  for (let round = 1; round <= 100; round++) {
    const bet = { sessionToken, transactionId: `r${round}`, round: String(round), amount: 1_000n };
    yield { call: "bet", ...bet };
    const win = { transactionId: `r${round}-w`, referenceTransactionId: bet.transactionId, roundClosed: true };
    yield { call: "win", ...bet, ...win, amount: round % 2 === 0 ? 1_900n : 0n };
  }
}

let applied = 0;
for await (const { call, error } of wallet.ledger.stream(rounds())) {
  if (error === undefined) applied += 1;
  else console.log(`${call} was refused: ${error.reason}`);
}
const { net } = await wallet.ledger.settleSession(sessionToken);
console.log(`${applied} applied, net ${net}`);
