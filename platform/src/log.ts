import { isEvegramError } from '@evegram/protocol'
import { destination, pino, type Logger as Pino } from 'pino'

/** Facts of one log line. Never plaintext, keys, tokens or full wallet addresses; {@link REDACTED_FIELDS} is a net, not a licence. */
export type LogFields = Readonly<Record<string, unknown>>

/** Where a part of the product tells an operator what it does. Never throws and never waits. */
export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** A logger whose lines also carry `fields`. */
  child(fields: LogFields): Logger
}

/** Levels from the loudest to the quietest. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
/** How loud a logger is; `silent` writes nothing. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Names of fields whose values are replaced in every line, at the top and up to two levels down. */
export const REDACTED_FIELDS = [
  'authorization', 'dpop', 'cookie', 'token', 'accessToken', 'refreshToken', 'secret', 'privateKey', 'seed', 'mnemonic', 'password',
  'signature', 'nonce', 'text', 'plaintext', 'body', 'payload', 'wallet', 'walletId', 'address', 'proof', 'proofs',
] as const

/** Causes of an error that a line shows; a longer chain is cut. */
const CAUSES_SHOWN_MAX = 4

/** Where the lines go: standard error, a file that is appended to, or a function (tests). */
export type LogDestination = 'stderr' | { readonly file: string } | { readonly write: (line: string) => void }

/** Options of {@link createLogger}. */
export interface LogOptions {
  readonly level: LogLevel
  /** Name of the service in every line. */
  readonly name: string
  readonly to?: LogDestination
}

/** A logger that writes one JSON object a line. Standard output stays free for programs that answer there. */
export function createLogger(options: LogOptions): Logger {
  const to = options.to ?? 'stderr'
  const stream = to === 'stderr'
    ? destination({ dest: 2, sync: true })
    : 'file' in to ? destination({ dest: to.file, append: true, mkdir: true, sync: true, mode: 0o600 }) : to
  const settings = {
    level: options.level,
    name: options.name,
    base: { name: options.name },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError, error: describeError, cause: describeError },
    redact: { paths: REDACTED_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[redacted]' },
  }
  return wrap(pino(settings, stream))
}

/** A logger that keeps nothing. */
export const silentLogger: Logger = {
  debug: ignore, info: ignore, warn: ignore, error: ignore, child: () => silentLogger,
}

function ignore(): void {
  // The silent logger drops every line on purpose.
}

function wrap(log: Pino): Logger {
  return {
    debug: (fields, message) => { log.debug(fields, message) },
    info: (fields, message) => { log.info(fields, message) },
    warn: (fields, message) => { log.warn(fields, message) },
    error: (fields, message) => { log.error(fields, message) },
    child: (fields) => wrap(log.child(fields)),
  }
}

/** What a log line says about a failure: code, message and stack, and the same of its causes. Details may name ids, so they stay. */
export function describeError(failure: unknown, causesLeft: number = CAUSES_SHOWN_MAX): unknown {
  if (!(failure instanceof Error)) return { message: String(failure).slice(0, 500) }
  const cause = failure.cause === undefined || causesLeft === 0 ? undefined : describeError(failure.cause, causesLeft - 1)
  return {
    type: failure.name,
    ...(isEvegramError(failure) ? { code: failure.code, operation: failure.operation, details: failure.details } : {}),
    message: failure.message,
    stack: failure.stack,
    ...(cause === undefined ? {} : { cause }),
  }
}
