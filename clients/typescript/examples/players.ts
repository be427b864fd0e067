/** Without a session: bets straight on the player's MAIN, by the wallet's own messages. Their amounts are digits. */

import { randomUUID } from "node:crypto";

import { WalletServer, walletMessages } from "@wallet/sdk-server";

const wallet = new WalletServer({ secretKey: process.env.WALLET_SECRET_KEY!, baseUrl: process.env.WALLET_URL! });

const { currencyNetworks } = await wallet.players.listCurrencyNetworks({});
const { currencyNetworkId } = currencyNetworks.find(({ currency }) => currency === "USDC")!;
const player = { playerId: BigInt(process.env.WALLET_USER_ID!), currencyNetworkId };

const bet = await wallet.players.bet({
  ...player, transactionId: randomUUID(), amountMinor: "1000", gameCode: "dice", roundId: "1",
});
const win = await wallet.players.win({
  ...player, transactionId: randomUUID(), amountMinor: "1900", gameCode: "dice", roundId: "1", roundClosed: true,
  winKind: walletMessages.WinKind.REGULAR, referenceTransactionId: bet.transactionId,
});
console.log(`won ${BigInt(win.balanceAfterMinor) - BigInt(bet.balanceAfterMinor)}`);
