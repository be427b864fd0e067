/** A wallet that answers as it is told, on a real port: a real one is neither full nor silent on demand. */

import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { once } from "node:events";
import type { ServerHttp2Session } from "node:http2";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";

import { ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.js";
import type { SessionOperation } from "#gen/wallet/v1/session_pb.js";
import { LedgerSessionService, SessionOutcomeSchema } from "#gen/wallet/v1/session_pb.js";
import { OperationStatus, WalletService } from "#gen/wallet/v1/wallet_pb.js";
import type { WalletServerOptions } from "@wallet/sdk-server";
import { WalletServer } from "@wallet/sdk-server";

/** What a request meets: it is let through, fails, or is never answered. */
export type Step = (wallet: ScriptedWallet, signal: AbortSignal) => void | Promise<void>;

export class ScriptedWallet {
  /** The ids of the bets that came in, and when. */
  readonly bets: { readonly transactionId: string; readonly atMs: number }[] = [];
  connections = 0;
  /** The networks that it has USDT on, and how often it was asked for them. */
  networks = ["TRON"];
  listed = 0;
  /** How many more outcomes the stream under way gives, 0 or 1, before it ends as if all were well. */
  givesOnly: number | undefined;
  /** What the next requests meet; the later ones are let through. */
  private steps: Step[] = [];
  private readonly sessions = new Set<ServerHttp2Session>();
  private readonly server = createServer(
    connectNodeAdapter({
      routes: (router) =>
        router.service(LedgerSessionService, this.service()).service(WalletService, this.listingService()),
    }),
  );
  private clients: WalletServer[] = [];

  static async start(): Promise<ScriptedWallet> {
    const wallet = new ScriptedWallet();
    wallet.server.on("session", (session: ServerHttp2Session) => {
      wallet.connections += 1;
      wallet.sessions.add(session);
      session.on("close", () => wallet.sessions.delete(session));
    });
    wallet.server.listen(0, "127.0.0.1");
    await once(wallet.server, "listening");
    return wallet;
  }

  /** A client, and what its requests will meet. */
  client(steps: readonly Step[], options: Partial<WalletServerOptions> = {}): WalletServer {
    this.bets.length = 0;
    this.connections = 0;
    this.givesOnly = undefined;
    this.steps = [...steps];
    const baseUrl = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    const client = new WalletServer({ secretKey: "sk_test_x", baseUrl, ...options });
    this.clients.push(client);
    return client;
  }

  hangUp(): void {
    for (const session of this.sessions) session.destroy();
  }

  close(): void {
    for (const client of this.clients) client.close();
    this.hangUp();
    this.server.close();
  }

  private listingService(): Partial<ServiceImpl<typeof WalletService>> {
    return {
      listCurrencyNetworks: () => {
        this.listed += 1;
        return {
          currencyNetworks: this.networks.map((network, place) => ({
            currencyNetworkId: place + 1, currency: "USDT", network, decimals: 6,
          })),
        };
      },
    };
  }

  private service(): Partial<ServiceImpl<typeof LedgerSessionService>> {
    const next = async (signal: AbortSignal) => this.steps.shift()?.(this, signal);
    const outcome = async ({ operation }: SessionOperation, signal: AbortSignal) => {
      const transactionId = operation.case === "bet" ? operation.value.transactionId : "";
      this.bets.push({ transactionId, atMs: performance.now() });
      try {
        await next(signal);
        return create(SessionOutcomeSchema, { outcome: { case: "result", value: { ...APPLIED, transactionId } } });
      } catch (failed) {
        const error = ConnectError.from(failed);
        const value = { code: error.code, message: error.rawMessage, details: anysOf(error) };
        return create(SessionOutcomeSchema, { outcome: { case: "error", value } });
      }
    };
    const only = () => {
      const left = this.givesOnly;
      this.givesOnly = undefined;
      return left;
    };
    return {
      openSession: ({ currencyNetworkId }) => ({
        sessionToken: `t${currencyNetworkId}`, playerId: 1n, lockedBalanceMinor: "1", balanceMinor: "1",
        openedAt: { seconds: 1n, nanos: 0 }, expiresAt: { seconds: 2n, nanos: 0 },
      }),
      bet: async ({ transactionId }, { signal }) => {
        this.bets.push({ transactionId, atMs: performance.now() });
        await next(signal);
        return { ...APPLIED, transactionId };
      },
      executeBatch: async ({ operations }, { signal }) => {
        const outcomes = [];
        for (const operation of operations) outcomes.push(await outcome(operation, signal));
        return { outcomes };
      },
      execute: async function* (operations, { signal }) {
        for await (const operation of operations) {
          const answer = await outcome(operation, signal);
          if (answer.outcome.case === "error") throw new ConnectError("the stream breaks", Code.Unavailable);
          const left = only();
          if (left === 0) return;
          yield answer;
          if (left === 1) return;
        }
      },
    };
  }
}

const APPLIED = {
  status: OperationStatus.APPLIED,
  balanceAfterMinor: "1",
  currentBalanceMinor: "1",
} as const;

/** Refuses with a word of the wallet's. */
export function refuse(reason: string, retry: string, waitMs?: number, code = Code.FailedPrecondition): Step {
  return () => {
    const error = new ConnectError("refused", code);
    const info = { reason, domain: "wallet", metadata: { retry } };
    error.details = [{ desc: ErrorInfoSchema, value: info }];
    if (waitMs !== undefined) {
      const retryDelay = { seconds: BigInt(Math.floor(waitMs / 1000)), nanos: (waitMs % 1000) * 1e6 };
      error.details.push({ desc: RetryInfoSchema, value: { retryDelay } });
    }
    throw error;
  };
}

/** Fails as gRPC itself does, without a word of the wallet's. */
export function fail(code: Code, trailers: Record<string, string> = {}): Step {
  return () => {
    throw new ConnectError("failed", code, trailers);
  };
}

export const letThrough: Step = () => undefined;

/** Never answers. */
export const silence: Step = async (_, signal) => {
  await once(signal, "abort");
};

/** Ends the stream as if all were well, after this outcome or instead of it. */
export function endStream(givesOnly: 0 | 1): Step {
  return (wallet) => {
    wallet.givesOnly = givesOnly;
  };
}

export const hangUp: Step = async (wallet, signal) => {
  wallet.hangUp();
  await silence(wallet, signal);
};

function anysOf(error: ConnectError) {
  const details = error.details.filter((detail) => "desc" in detail);
  return details.map(({ desc, value }) => anyPack(desc, create(desc, value)));
}
