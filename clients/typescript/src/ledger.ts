/**
 * Game sessions in a studio's words: a stake is locked once, played at a high rate, and settled once.
 *
 * Every call has a deadline, and is sent again with the same id where that is safe (calls.ts). What is refused, and what
 * had no answer in time, is a {@link WalletError}.
 */

import type { Client } from "@connectrpc/connect";
import { createClient } from "@connectrpc/connect";
import { randomUUID } from "node:crypto";

import type { CallOptions, Calls } from "./calls.js";
import type { Currencies } from "./currencies.js";
import { errorOfCall, invalid, late, unanswered, WalletError } from "./errors.js";
import type { SessionOutcome } from "./gen/wallet/v1/session_pb.js";
import { LedgerSessionService } from "./gen/wallet/v1/session_pb.js";
import type {
  Bet,
  Opened,
  OpenSession,
  Operation,
  Outcome,
  Played,
  Rollback,
  Sent,
  SessionView,
  Settled,
  SettleSession,
  Win,
} from "./operations.js";
import {
  betRequest,
  inStudioWords,
  openedOf,
  openSessionRequest,
  outcomeOf,
  playedOf,
  playOperation,
  refusedOf,
  rollbackRequest,
  sessionOf,
  settledOf,
  settleSessionRequest,
  winRequest,
} from "./operations.js";
import { Stream } from "./stream.js";
import { textOf } from "./values.js";
import { Waits } from "./waits.js";

/** How many operations one call takes; a longer batch is sent in several. */
const BATCH_OPERATIONS_MAX = 1_000;

export class Ledger {
  private readonly calls: Calls;
  private readonly currencies: Currencies;
  private readonly sessions: Client<typeof LedgerSessionService>;

  constructor(calls: Calls, currencies: Currencies) {
    this.calls = calls;
    this.currencies = currencies;
    this.sessions = createClient(LedgerSessionService, calls);
  }

  /** Locks a stake. With the same transactionId it is the same session. */
  async openSession(session: OpenSession, options: CallOptions = {}): Promise<Opened> {
    const waits = new Waits(options.timeoutMs ?? this.calls.timeoutMs);
    const { request, transactionId } = await this.opening(session, options);
    if (waits.leftMs <= 0) throw late();
    const left = { ...options, timeoutMs: waits.leftMs }; // the currencies may have been asked for
    return openedOf(await told(this.sessions.openSession(request, left)), transactionId);
  }

  /** Takes a stake from the session's balance. */
  async bet(bet: Bet, options: CallOptions = {}): Promise<Played> {
    return playedOf(await told(this.sessions.bet(betRequest(bet), options)));
  }

  /** Pays a win to the session's balance; after the settlement to the player's MAIN. */
  async win(win: Win, options: CallOptions = {}): Promise<Played> {
    return playedOf(await told(this.sessions.win(winRequest(win), options)));
  }

  /** Reverses a bet or a win, or makes an id void that was not seen yet. */
  async rollback(rollback: Rollback, options: CallOptions = {}): Promise<Played> {
    return playedOf(await told(this.sessions.rollback(rollbackRequest(rollback), options)));
  }

  /** Reads what can be bet now, and where the session stands. */
  async balance(session: { readonly sessionToken: string }, options: CallOptions = {}): Promise<SessionView> {
    const sessionToken = textOf(session.sessionToken, "sessionToken");
    return sessionOf(await told(this.sessions.getSession({ sessionToken }, options)));
  }

  /** Ends a session: its balance goes back to the player. Asked again, it tells the same. */
  async settleSession(session: string | SettleSession, options: CallOptions = {}): Promise<Settled> {
    const request = settleSessionRequest(typeof session === "string" ? { sessionToken: session } : session);
    return settledOf(await told(this.sessions.settleSession(request, options)), request.sessionToken ?? "");
  }

  /**
   * Sends any number of operations; each has its own outcome in its place. Those of one player take effect in their
   * order. Where one must be sent again, that player's later ones have been decided without it: what depends on each
   * other is safer in one batch than in several, and safest one after the other.
   */
  async batch(operations: readonly Operation[], options: CallOptions = {}): Promise<Outcome[]> {
    const waits = new Waits(options.timeoutMs ?? this.calls.timeoutMs);
    const all: Placed[] = [];
    for (const [place, operation] of operations.entries()) {
      all.push({ place, sent: await this.written(operation, `operations[${place}].`, options) });
    }
    const outcomes: Outcome[] = [];
    for (let waiting = all; waiting.length > 0; ) {
      for (let start = 0; start < waiting.length; start += BATCH_OPERATIONS_MAX) {
        await this.batchOf(waiting.slice(start, start + BATCH_OPERATIONS_MAX), outcomes, waits, options.signal);
      }
      let askedMs = 0;
      waiting = waiting.filter(({ place }) => {
        const error = outcomes[place]?.error;
        if (error?.retry !== "SAME_REQUEST" || !waits.allows(error.retryAfterMs)) return false;
        askedMs = Math.max(askedMs, error.retryAfterMs);
        return true;
      });
      if (waiting.length === 0) break;
      try {
        await waits.pause(askedMs, options.signal);
      } catch {
        break; // the caller gave it up: what has no answer is told so in its place
      }
    }
    return outcomes;
  }

  /**
   * Sends operations as fast as the wallet reads them, and gives each with its outcome, in their order. A stream that
   * breaks is opened again with what has no answer yet; it fails where none comes within `timeoutMs`.
   */
  stream(
    operations: AsyncIterable<Operation> | Iterable<Operation>,
    options: CallOptions = {},
  ): AsyncGenerator<Outcome, void, undefined> {
    const write = (operation: Operation) => this.written(operation, "operation.", options);
    return new Stream(this.calls, write, operations, options).outcomes();
  }

  private async batchOf(
    part: readonly Placed[],
    outcomes: Outcome[],
    waits: Waits,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const options = { timeoutMs: waits.leftMs, ...(signal === undefined ? {} : { signal }) };
    let answers: SessionOutcome[] = [];
    let failed = unanswered("the answer lacks this operation");
    try {
      if (options.timeoutMs <= 0) throw late();
      answers = (await this.sessions.executeBatch({ operations: part.map(({ sent }) => sent.request) }, options)).outcomes;
    } catch (error) {
      failed = errorOfCall(error);
    }
    for (const [index, { place, sent }] of part.entries()) {
      const answer = answers[index];
      outcomes[place] = answer === undefined ? refusedOf(sent, failed) : outcomeOf(sent, answer);
    }
  }

  private async opening(session: OpenSession, options: CallOptions) {
    const transactionId = session.transactionId ?? randomUUID();
    if (typeof session.lock !== "object") throw invalid("lock", "is required", "MISSING_FIELD");
    const request = openSessionRequest(session, textOf(transactionId, "transactionId"), 0);
    request.currencyNetworkId = await this.currencies.idOf(session.currency, session.network, options);
    return { request, transactionId };
  }

  private async written(operation: Operation, within: string, options: CallOptions): Promise<Sent> {
    try {
      if (operation.call !== "openSession") {
        const request = playOperation(operation);
        const transactionId = "transactionId" in operation ? (operation.transactionId ?? "") : "";
        return { operation, request, transactionId };
      }
      const { request, transactionId } = await this.opening(operation, options);
      return { operation, request: { operation: { case: "openSession", value: request } }, transactionId };
    } catch (failed) {
      if (failed instanceof WalletError && failed.field !== undefined) throw failed.withField(within + failed.field);
      throw failed;
    }
  }
}

/** An operation of a batch, and which one it is. */
interface Placed {
  readonly place: number;
  readonly sent: Sent;
}

async function told<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (failed) {
    throw inStudioWords(errorOfCall(failed));
  }
}
