/** What the wallet answers instead of a result, and whether it may be sent again: one class, {@link WalletError}. */

import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

import type { RetryInfo } from "./gen/google/rpc/error_details_pb.js";
import { ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import type { Status } from "./gen/google/rpc/status_pb.js";
import type { ErrorReason } from "./gen/wallet/v1/errors_pb.js";

/** What to do with a refused request: the column `retry` of the wallet's table of errors. */
export type Retry = "NEVER" | "SAME_REQUEST" | "AFTER_CHANGE";

/** gRPC's name of a status, such as `UNAVAILABLE`. */
export type StatusName = keyof typeof STATUS_NUMBERS;

/** A reason of the wallet's table of errors, or gRPC's own status where the wallet said nothing. */
export type Reason = Exclude<keyof typeof ErrorReason, "ERROR_REASON_UNSPECIFIED"> | StatusName;

const STATUS_NUMBERS = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** Statuses that gRPC tells by itself, and which say that what was sent would be refused again. */
const REFUSED_BY_GRPC: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.OutOfRange,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.Unimplemented,
]);

/** The wallet refused, or no answer came in time. Programs look at `reason` and `retry`, people at the message. */
export class WalletError extends Error {
  override readonly name = "WalletError";
  /** Why: `INSUFFICIENT_FUNDS` and its like; gRPC's own status, such as `UNAVAILABLE`, where the wallet said nothing. */
  readonly reason: Reason;
  /**
   * What may be done: `SAME_REQUEST` (send it again with the same ids: nobody knows what was applied, or nothing was),
   * `AFTER_CHANGE` (once something else has changed), `NEVER` (the request itself is wrong).
   */
  readonly retry: Retry;
  /** The status that it came with. */
  readonly status: StatusName;
  /** The field that is wrong, or that differs from the first request with this id. */
  readonly field: string | undefined;
  /** What the reason adds, such as `balance_minor`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** How long to wait at least before it is sent again, in ms; infinite where the server asks for no more. */
  readonly retryAfterMs: number;
  /**
   * The id that the request was sent with, given or made here: after `SAME_REQUEST` a bet is sent again under it, or
   * rolled back by it, since under another id it is another bet. Undefined where nothing was sent, or no id.
   */
  readonly transactionId: string | undefined;

  constructor(told: {
    reason: Reason;
    message: string;
    retry: Retry;
    status: StatusName;
    field?: string | undefined;
    metadata?: Readonly<Record<string, string>>;
    retryAfterMs?: number;
    transactionId?: string | undefined;
    cause?: unknown;
  }) {
    super(`${told.reason}: ${told.message}`, { cause: told.cause });
    this.reason = told.reason;
    this.retry = told.retry;
    this.status = told.status;
    this.metadata = told.metadata ?? {};
    this.field = told.field ?? this.metadata["field"];
    this.retryAfterMs = told.retryAfterMs ?? 0;
    this.transactionId = told.transactionId === "" ? undefined : told.transactionId;
  }

  /** The same error with its field under another name. */
  withField(field: string): WalletError {
    return this.with({ field });
  }

  /** The same error of a request that was sent with this id, or with none if it is empty. */
  withTransactionId(transactionId: string): WalletError {
    return this.with({ transactionId });
  }

  /** The same error with what came before it. */
  withCause(cause: unknown): WalletError {
    return this.with({ cause });
  }

  private with(changed: { field?: string; transactionId?: string; cause?: unknown }): WalletError {
    const { reason, retry, status, field, metadata, retryAfterMs, transactionId, cause } = this;
    const message = this.message.slice(reason.length + 2);
    const told = { reason, message, retry, status, field, metadata, retryAfterMs, transactionId, cause };
    return new WalletError({ ...told, ...changed });
  }
}

/** An argument is refused before it is sent. */
export function invalid(
  field: string,
  problem: string,
  reason: "INVALID_FIELD" | "INVALID_AMOUNT" | "MISSING_FIELD" = "INVALID_FIELD",
): WalletError {
  return new WalletError({ reason, message: `${field} ${problem}`, retry: "NEVER", status: "INVALID_ARGUMENT", field });
}

/** Nothing came back. */
export function unanswered(message: string, cause?: unknown): WalletError {
  return new WalletError({ reason: "UNAVAILABLE", message, retry: "SAME_REQUEST", status: "UNAVAILABLE", cause });
}

/** The wallet was closed here. */
export function closed(): WalletError {
  const message = "this client of the wallet was closed";
  return new WalletError({ reason: "CANCELLED", message, retry: "SAME_REQUEST", status: "CANCELLED" });
}

/** It was not sent: nothing was left of its time. */
export function late(): WalletError {
  const message = "there was no time left to send it";
  return new WalletError({ reason: "DEADLINE_EXCEEDED", message, retry: "SAME_REQUEST", status: "DEADLINE_EXCEEDED" });
}

/** Reads the error of a call. */
export function errorOfCall(failed: unknown): WalletError {
  if (failed instanceof WalletError) return failed;
  const error = ConnectError.from(failed);
  const [info] = error.findDetails(ErrorInfoSchema);
  const [again] = error.findDetails(RetryInfoSchema);
  const asked = Math.max(pushbackMs(error.metadata.get("grpc-retry-pushback-ms")), delayMs(again));
  if (info !== undefined) return told(info, error.code, error.rawMessage, asked, error);
  return new WalletError({
    reason: statusName(error.code),
    message: error.rawMessage,
    retry: maySendAgain(error) ? "SAME_REQUEST" : "NEVER",
    status: statusName(error.code),
    retryAfterMs: asked,
    cause: error,
  });
}

/** Reads the error of one operation of a batch or a stream. */
export function errorOfStatus(status: Status): WalletError {
  const detail = (name: string) => status.details.find((any) => any.typeUrl.endsWith(`/${name}`))?.value;
  const again = detail(RetryInfoSchema.typeName);
  const asked = again === undefined ? 0 : delayMs(fromBinary(RetryInfoSchema, again));
  const info = detail(ErrorInfoSchema.typeName) ?? new Uint8Array();
  return told(fromBinary(ErrorInfoSchema, info), status.code, status.message, asked);
}

function told(
  info: { reason: string; metadata: Record<string, string> },
  code: number,
  message: string,
  retryAfterMs: number,
  cause?: unknown,
): WalletError {
  const retry = info.metadata["retry"];
  return new WalletError({
    reason: (info.reason === "" ? statusName(code) : info.reason) as Reason,
    message,
    retry: retry === "SAME_REQUEST" || retry === "AFTER_CHANGE" ? retry : "NEVER",
    status: statusName(code),
    metadata: info.metadata,
    retryAfterMs,
    cause,
  });
}

/**
 * Without the wallet's word nobody knows what was applied, and with the same ids it is safe to send it again. But what
 * gRPC refuses by itself it would refuse again: an unknown call, or a message over the limit.
 */
function maySendAgain(error: ConnectError): boolean {
  const answered = error.metadata.has("grpc-status");
  return !REFUSED_BY_GRPC.has(error.code) && !(answered && error.code === Code.ResourceExhausted);
}

/** A server that answers with anything but a time asks not to be asked again (gRFC A6). */
function pushbackMs(value: string | null): number {
  if (value === null) return 0;
  return /^\d{1,9}$/.test(value) ? Number(value) : Number.POSITIVE_INFINITY;
}

function delayMs(again: RetryInfo | undefined): number {
  const delay = again?.retryDelay;
  return delay === undefined ? 0 : Number(delay.seconds) * 1000 + Math.ceil(delay.nanos / 1e6);
}

function statusName(code: number): StatusName {
  const names = Object.keys(STATUS_NUMBERS) as StatusName[];
  return names.find((name) => STATUS_NUMBERS[name] === code) ?? "UNKNOWN";
}
