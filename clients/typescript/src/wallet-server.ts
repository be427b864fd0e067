/** The wallet from a studio's backend: {@link WalletServer}. */

import type { Client } from "@connectrpc/connect";
import { createClient } from "@connectrpc/connect";

import { Calls } from "./calls.js";
import { Currencies } from "./currencies.js";
import { invalid } from "./errors.js";
import { CreditWalletService } from "./gen/wallet/v1/credit_wallet_pb.js";
import { LedgerService } from "./gen/wallet/v1/ledger_pb.js";
import { LedgerSessionService } from "./gen/wallet/v1/session_pb.js";
import { WalletService } from "./gen/wallet/v1/wallet_pb.js";
import { Ledger } from "./ledger.js";
import type { TlsOptions } from "./lines.js";
import { Lines } from "./lines.js";
import { timeoutOf } from "./waits.js";

const TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 64;

export interface WalletServerOptions {
  /** The key, `sk_test_...` or `sk_live_...`. It stays on the backend. */
  readonly secretKey: string;
  /** Where the wallet's gRPC port is: `https://wallet.example:50051`, or `http://` without TLS. */
  readonly baseUrl: string;
  /** How long a call may take in all, in ms, what is sent again included; 10,000 unless said. */
  readonly timeoutMs?: number;
  /** How many connections share the calls: as many as the wallet has processes behind this address; 1 unless said. */
  readonly connections?: number;
  /** Certificates, where the wallet's is not signed by a CA that Node knows, or where it asks for yours. */
  readonly tls?: TlsOptions;
}

/**
 * The wallet, under one key. It connects at the first call, and keeps its connections until `close`.
 *
 * `ledger` has game sessions in a studio's words. `players`, `sessions`, `credit` and `ledgers` are the wallet's own
 * services, message by message; their calls have the same deadlines, are sent again by the same rules, and fail with the
 * same {@link WalletError}.
 */
export class WalletServer {
  readonly ledger: Ledger;
  readonly players: Client<typeof WalletService>;
  readonly sessions: Client<typeof LedgerSessionService>;
  readonly credit: Client<typeof CreditWalletService>;
  readonly ledgers: Client<typeof LedgerService>;
  private readonly lines: Lines;

  constructor(options: WalletServerOptions) {
    const timeoutMs = timeoutOf(options.timeoutMs ?? TIMEOUT_MS);
    const connections = options.connections ?? 1;
    if (!/^sk_(test|live)_[\x21-\x7e]+$/.test(options.secretKey)) {
      throw invalid("secretKey", "is no sk_test_... or sk_live_...");
    }
    if (!Number.isInteger(connections) || connections < 1 || connections > CONNECTIONS_MAX) {
      throw invalid("connections", `is not from 1 to ${CONNECTIONS_MAX}`);
    }
    this.lines = new Lines(originOf(options.baseUrl), connections, options.tls ?? {});
    const calls = new Calls(this.lines, options.secretKey, timeoutMs);
    this.players = createClient(WalletService, calls);
    this.sessions = createClient(LedgerSessionService, calls);
    this.credit = createClient(CreditWalletService, calls);
    this.ledgers = createClient(LedgerService, calls);
    this.ledger = new Ledger(calls, new Currencies(this.players));
  }

  /** Hangs up; what is under way, and what is asked afterwards, fails with CANCELLED. */
  close(): void {
    this.lines.close();
  }
}

function originOf(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    throw invalid("baseUrl", "is no http:// or https:// address");
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "" || url.username !== "") {
    throw invalid("baseUrl", "is more than the address of the wallet's gRPC port");
  }
  return url.origin;
}
