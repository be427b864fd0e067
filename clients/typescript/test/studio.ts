/** A studio for tests: its wallet, and players who have money. The server is one that the tests' runner started. */

import { randomInt, randomUUID } from "node:crypto";

import type { Opened, WalletServerOptions } from "@wallet/sdk-server";
import { WalletError, WalletServer } from "@wallet/sdk-server";

export const url = given("WALLET_URL");
export const key = given("WALLET_SECRET_KEY");
export const otherKey = given("WALLET_OTHER_KEY");
const payments = new WalletServer({ secretKey: given("WALLET_PAYMENTS_KEY"), baseUrl: url });

export const wallet = walletOf({});

export function given(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: pytest runs these tests, tests/sdk`);
  return value;
}

export function walletOf(options: Partial<WalletServerOptions>): WalletServer {
  return new WalletServer({ secretKey: key, baseUrl: url, timeoutMs: 30_000, ...options });
}

/** A fresh player with this much in MAIN. */
export async function playerWith(amount: bigint, currency = "USDC"): Promise<string> {
  const playerId = BigInt(randomInt(2 ** 40, 2 ** 47));
  const { currencyNetworks } = await payments.players.listCurrencyNetworks({});
  const network = currencyNetworks.find((each) => each.currency === currency);
  if (network === undefined) throw new Error(`no ${currency}`);
  const { currencyNetworkId } = network;
  const amountMinor = amount.toString();
  await payments.players.applyDepositSettlement({ playerId, currencyNetworkId, amountMinor, depositId: randomUUID() });
  return playerId.toString();
}

/** What a player has in MAIN. */
export async function mainOf(userId: string): Promise<bigint> {
  const { currencyNetworks } = await payments.players.listCurrencyNetworks({});
  const currencyNetworkId = currencyNetworks.find((each) => each.currency === "USDC")?.currencyNetworkId ?? 0;
  return BigInt((await payments.players.getBalance({ playerId: BigInt(userId), currencyNetworkId })).availableMinor);
}

export async function sessionWith(amount: bigint, options: { readonly ttlSeconds?: number } = {}): Promise<Opened> {
  const userId = await playerWith(amount);
  return wallet.ledger.openSession({ userId, gameCode: "g", currency: "USDC", lock: { amount }, ...options });
}

/** The error that a call must end with. */
export async function refusalOf(call: Promise<unknown> | (() => unknown)): Promise<WalletError> {
  try {
    await (typeof call === "function" ? call() : call);
  } catch (error) {
    if (error instanceof WalletError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}
