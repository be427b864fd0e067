/** Operations of game sessions in a studio's words, and how they are written to the wallet and read from it. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";

import type { WalletError } from "./errors.js";
import { errorOfStatus, invalid } from "./errors.js";
import type {
  OpenSessionRequestSchema,
  Session,
  SessionBetRequestSchema,
  SessionOperationSchema,
  SessionOutcome,
  SessionResult,
  SessionRollbackRequestSchema,
  SessionWinRequestSchema,
  SettleSessionRequestSchema,
  SettleSessionResponse,
} from "./gen/wallet/v1/session_pb.js";
import { SessionStatus } from "./gen/wallet/v1/session_pb.js";
import { OperationStatus, WinKind } from "./gen/wallet/v1/wallet_pb.js";
import { digitsOf, flagOf, notesOf, optionalTextOf, playerIdOf, secondsOf, textOf } from "./values.js";

/** A stake to lock. */
export interface OpenSession {
  /** The player's number, above 0. */
  readonly userId: bigint | number | string;
  readonly gameCode: string;
  /** The currency, such as `USDC`. */
  readonly currency: string;
  /** The network, such as `SOLANA`; needed where the currency is on several. */
  readonly network?: string;
  /** What is locked, in minor units, above 0. */
  readonly lock: { readonly amount: bigint };
  /** How long bets are taken, in seconds; the installation's default if it is not given. */
  readonly ttlSeconds?: number;
  /**
   * Your own id of the opening: stored before the call, it finds the same session again after a crash. One is made if
   * it is not given, and then only what is sent again within the call is the same opening.
   */
  readonly transactionId?: string;
}

/** A stake. */
export interface Bet {
  readonly sessionToken: string;
  /** Your own id of the bet, unique within the session. */
  readonly transactionId: string;
  readonly round: string;
  /** In minor units; 0n is a free spin. */
  readonly amount: bigint;
  /** Whether the round takes no further bets and wins. */
  readonly roundClosed?: boolean;
  /** Your notes. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A payout of a bet. */
export interface RegularWin {
  readonly sessionToken: string;
  /** Your own id of the win, unique within the session: not the bet's. */
  readonly transactionId: string;
  /** The bet that won. */
  readonly referenceTransactionId: string;
  readonly round: string;
  /** In minor units; 0n tells a loss explicitly. */
  readonly amount: bigint;
  readonly roundClosed?: boolean;
  readonly winKind?: "REGULAR";
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A payout that needs no bet. */
export interface OtherWin {
  readonly sessionToken: string;
  readonly transactionId: string;
  readonly winKind: "FREE_ROUND" | "JACKPOT" | "PROMO";
  readonly amount: bigint;
  readonly referenceTransactionId?: string;
  readonly round?: string;
  readonly roundClosed?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
}

export type Win = RegularWin | OtherWin;

/** The reversal of a bet or a win; of an id that was not seen yet it makes it void for ever. */
export interface Rollback {
  readonly sessionToken: string;
  /** What is reversed. */
  readonly referenceTransactionId: string;
  /** Your own id of the rollback; `rollback:` and the reference if it is not given. */
  readonly transactionId?: string;
  readonly roundClosed?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The end of a session. */
export interface SettleSession {
  readonly sessionToken: string;
  /** Refuses with OPEN_ROUNDS while a round is open. */
  readonly requireClosedRounds?: boolean;
}

/** A session as it stands. */
export interface SessionView {
  readonly sessionToken: string;
  readonly userId: string;
  readonly gameCode: string;
  /** What was locked, in minor units. */
  readonly lockedBalance: bigint;
  /** What can be bet now, in minor units; once settled, the payout. */
  readonly balance: bigint;
  readonly status: "OPEN" | "EXPIRED" | "SETTLED";
  readonly openedAt: Date;
  /** From when on it takes no bets. */
  readonly expiresAt: Date;
}

/** A session that was opened, now or before. */
export interface Opened extends SessionView {
  readonly transactionId: string;
  /** Whether an earlier opening with this id had locked the stake: nothing moved now. */
  readonly replayed: boolean;
}

/** A bet, win or rollback that is recorded. */
export interface Played {
  readonly transactionId: string;
  readonly status: "APPLIED" | "VOIDED" | "ALREADY_ROLLED_BACK";
  /** What can be bet now, in minor units; of what came after the settlement, what the player has in MAIN. */
  readonly balance: bigint;
  /** The balance right after it, also when it is told again. */
  readonly balanceAfter: bigint;
  /** Whether it had been recorded before: nothing moved now. */
  readonly replayed: boolean;
  /** Whether it came after the settlement, and moved MAIN. */
  readonly late: boolean;
}

/** What a session came to. */
export interface Settled {
  readonly sessionToken: string;
  /** What went back to the player, in minor units. */
  readonly payout: bigint;
  /** What the player won; negative for a loss. */
  readonly net: bigint;
  readonly openRounds: number;
  /** The ledger's transaction. */
  readonly txId: string;
  readonly replayed: boolean;
}

/** One operation of a batch or a stream. */
export type Operation =
  | ({ readonly call: "openSession" } & OpenSession)
  | ({ readonly call: "bet" } & Bet)
  | ({ readonly call: "win" } & Win)
  | ({ readonly call: "rollback" } & Rollback)
  | ({ readonly call: "settleSession" } & SettleSession);

interface Of<C extends Operation["call"]> {
  readonly call: C;
  readonly operation: Extract<Operation, { call: C }>;
}
type OutcomeOf<C extends Operation["call"], R> =
  | (Of<C> & { readonly result: R; readonly error?: undefined })
  | (Of<C> & { readonly result?: undefined; readonly error: WalletError });

/** How one operation of a batch or a stream came out: with a result or with an error. */
export type Outcome =
  | OutcomeOf<"openSession", Opened>
  | OutcomeOf<"bet", Played>
  | OutcomeOf<"win", Played>
  | OutcomeOf<"rollback", Played>
  | OutcomeOf<"settleSession", Settled>;

// --------------------------------------------------------------------------------------------------------- written

const WIN_KINDS = {
  REGULAR: WinKind.REGULAR,
  FREE_ROUND: WinKind.FREE_ROUND,
  JACKPOT: WinKind.JACKPOT,
  PROMO: WinKind.PROMO,
} as const;

export function openSessionRequest(
  given: OpenSession,
  transactionId: string,
  currencyNetworkId: number,
): MessageInitShape<typeof OpenSessionRequestSchema> {
  return {
    transactionId,
    playerId: playerIdOf(given.userId, "userId"),
    currencyNetworkId,
    gameCode: textOf(given.gameCode, "gameCode"),
    lockAmountMinor: digitsOf(given.lock.amount, "lock.amount"),
    ttlSeconds: secondsOf(given.ttlSeconds, "ttlSeconds"),
  };
}

export function betRequest(given: Bet): MessageInitShape<typeof SessionBetRequestSchema> {
  return {
    sessionToken: textOf(given.sessionToken, "sessionToken"),
    transactionId: textOf(given.transactionId, "transactionId"),
    amountMinor: digitsOf(given.amount, "amount"),
    roundId: textOf(given.round, "round"),
    roundClosed: flagOf(given.roundClosed, "roundClosed"),
    metadata: notesOf(given.metadata, "metadata"),
  };
}

export function winRequest(given: Win): MessageInitShape<typeof SessionWinRequestSchema> {
  const text = given.winKind === undefined || given.winKind === "REGULAR" ? textOf : optionalTextOf;
  return {
    sessionToken: textOf(given.sessionToken, "sessionToken"),
    transactionId: textOf(given.transactionId, "transactionId"),
    amountMinor: digitsOf(given.amount, "amount"),
    roundId: text(given.round, "round"),
    roundClosed: flagOf(given.roundClosed, "roundClosed"),
    referenceTransactionId: text(given.referenceTransactionId, "referenceTransactionId"),
    winKind: winKindOf(given.winKind ?? "REGULAR"),
    metadata: notesOf(given.metadata, "metadata"),
  };
}

export function rollbackRequest(given: Rollback): MessageInitShape<typeof SessionRollbackRequestSchema> {
  return {
    sessionToken: textOf(given.sessionToken, "sessionToken"),
    transactionId: optionalTextOf(given.transactionId, "transactionId"),
    referenceTransactionId: textOf(given.referenceTransactionId, "referenceTransactionId"),
    roundClosed: flagOf(given.roundClosed, "roundClosed"),
    metadata: notesOf(given.metadata, "metadata"),
  };
}

export function settleSessionRequest(given: SettleSession): MessageInitShape<typeof SettleSessionRequestSchema> {
  return {
    sessionToken: textOf(given.sessionToken, "sessionToken"),
    requireClosedRounds: flagOf(given.requireClosedRounds, "requireClosedRounds"),
  };
}

/** An operation as it goes over the wire. One that opens a session is written by whoever knows the currencies. */
export function playOperation(
  operation: Exclude<Operation, { call: "openSession" }>,
): MessageInitShape<typeof SessionOperationSchema> {
  switch (operation.call) {
    case "bet":
      return { operation: { case: "bet", value: betRequest(operation) } };
    case "win":
      return { operation: { case: "win", value: winRequest(operation) } };
    case "rollback":
      return { operation: { case: "rollback", value: rollbackRequest(operation) } };
    case "settleSession":
      return { operation: { case: "settleSession", value: settleSessionRequest(operation) } };
    default:
      throw invalid("call", `is no operation: ${String((operation satisfies never as { call: unknown }).call)}`);
  }
}

function winKindOf(name: NonNullable<Win["winKind"]>): WinKind {
  const kind: WinKind | undefined = WIN_KINDS[name];
  if (kind === undefined) throw invalid("winKind", `is none of ${Object.keys(WIN_KINDS).join(", ")}`);
  return kind;
}

// ------------------------------------------------------------------------------------------------------------ read

const FIELDS: Readonly<Record<string, string>> = {
  player_id: "userId",
  currency_network_id: "currency",
  lock_amount_minor: "lock.amount",
  amount_minor: "amount",
  round_id: "round",
};

/** A refused field is told by the name that the caller gave it. */
export function inStudioWords(error: WalletError): WalletError {
  if (error.field === undefined) return error;
  const camel = error.field.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return error.withField(FIELDS[error.field] ?? camel);
}

export function sessionOf(session: Session): SessionView {
  return {
    sessionToken: session.sessionToken,
    userId: session.playerId.toString(),
    gameCode: session.gameCode,
    lockedBalance: BigInt(session.lockedBalanceMinor),
    balance: BigInt(session.balanceMinor),
    status: SessionStatus[session.status] as SessionView["status"],
    openedAt: dateOf(session.openedAt),
    expiresAt: dateOf(session.expiresAt),
  };
}

export function openedOf(session: Session, transactionId: string): Opened {
  return { transactionId, ...sessionOf(session), replayed: session.replayed };
}

export function playedOf(result: SessionResult): Played {
  return {
    transactionId: result.transactionId,
    status: OperationStatus[result.status] as Played["status"],
    balance: BigInt(result.currentBalanceMinor),
    balanceAfter: BigInt(result.balanceAfterMinor),
    replayed: result.replayed,
    late: result.late,
  };
}

export function settledOf(settled: SettleSessionResponse, sessionToken: string): Settled {
  return {
    sessionToken,
    payout: BigInt(settled.payoutMinor),
    net: BigInt(settled.netMinor),
    openRounds: Number(settled.openRounds),
    txId: settled.txId,
    replayed: settled.replayed,
  };
}

/** An operation, how it was written, and the id that it goes out with; empty if it has none. */
export interface Sent {
  readonly operation: Operation;
  readonly request: MessageInitShape<typeof SessionOperationSchema>;
  readonly transactionId: string;
}

export function outcomeOf(sent: Sent, { outcome }: SessionOutcome): Outcome {
  const { operation, transactionId } = sent;
  switch (outcome.case) {
    case "session":
      return { ...of(operation), result: openedOf(outcome.value, transactionId) } as Outcome;
    case "result":
      return { ...of(operation), result: playedOf(outcome.value) } as Outcome;
    case "settlement": {
      const { sessionToken } = operation as SettleSession;
      return { ...of(operation), result: settledOf(outcome.value, sessionToken) } as Outcome;
    }
    case "error":
      return refusedOf(sent, inStudioWords(errorOfStatus(outcome.value)));
    default:
      return refusedOf(sent, invalid("call", "has an outcome that this SDK does not know"));
  }
}

export function refusedOf({ operation, transactionId }: Sent, error: WalletError): Outcome {
  return { ...of(operation), error: error.withTransactionId(transactionId) } as Outcome;
}

function of(operation: Operation) {
  return { call: operation.call, operation };
}

function dateOf(time: Timestamp | undefined): Date {
  return time === undefined ? new Date(Number.NaN) : timestampDate(time);
}
