/**
 * The wallet from a studio's backend.
 *
 * ```ts
 * const wallet = new WalletServer({ secretKey: process.env.WALLET_SECRET_KEY!, baseUrl: "https://wallet.example:50051" });
 * const session = await wallet.ledger.openSession({
 *   userId: 42, gameCode: "momentum", currency: "USDC", lock: { amount: 50_000_000n },
 * });
 * ```
 *
 * Amounts are bigints of minor units. Every mutation has the caller's own id, and is sent again with it where that is
 * safe; what is refused is a {@link WalletError}.
 *
 * @packageDocumentation
 */

export type { CallOptions } from "./calls.js";
export type { Reason, Retry, StatusName } from "./errors.js";
export { WalletError } from "./errors.js";
export * as creditMessages from "./gen/wallet/v1/credit_wallet_pb.js";
export * as ledgerMessages from "./gen/wallet/v1/ledger_pb.js";
export * as sessionMessages from "./gen/wallet/v1/session_pb.js";
export * as walletMessages from "./gen/wallet/v1/wallet_pb.js";
export type { Ledger } from "./ledger.js";
export type { TlsOptions } from "./lines.js";
export type {
  Bet,
  Opened,
  OpenSession,
  Operation,
  OtherWin,
  Outcome,
  Played,
  RegularWin,
  Rollback,
  SessionView,
  Settled,
  SettleSession,
  Win,
} from "./operations.js";
export type { WalletServerOptions } from "./wallet-server.js";
export { WalletServer } from "./wallet-server.js";
