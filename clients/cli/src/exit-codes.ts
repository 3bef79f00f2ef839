import { isEvegramError, type ErrorCode } from '@evegram/protocol'

/** Exit codes of every command: scripts may rely on them. */
export const EXIT_CODES = {
  ok: [0, 'done'],
  failed: [1, 'failed; the message says why and what to do'],
  usage: [2, 'the command line is wrong'],
  notSignedIn: [3, 'the profile is not signed in, or its device was revoked'],
  unreachable: [4, 'the server does not answer'],
  security: [5, 'something was refused because it could not be trusted'],
  notFound: [6, 'nobody has signed in with this address'],
  inUse: [7, 'another process uses the profile'],
  interrupted: [130, 'stopped by Ctrl-C'],
} as const satisfies Record<string, readonly [number, string]>

const NOT_SIGNED_IN: ReadonlySet<ErrorCode> = new Set([
  'client.not_signed_in', 'client.revoked', 'auth.token_revoked', 'auth.refresh_reused', 'account.device_unknown', 'account.device_revoked',
])

/** What an honest server or contact does not cause. */
const SECURITY: ReadonlySet<ErrorCode> = new Set([
  'account.log_invalid', 'account.log_rolled_back', 'account.log_withheld', 'account.mismatch', 'account.attestation_expired',
  'server.identity_changed', 'client.domain_mismatch', 'web.page_differs', 'group.log_invalid', 'channel.log_invalid',
])
const USAGE: ReadonlySet<ErrorCode> = new Set(['invalid.argument', 'invalid.address', 'invalid.channel_link', 'channel.key', 'client.insecure_url'])

/** The exit code for a failure. */
export function exitCodeOf(error: unknown): number {
  if (!isEvegramError(error)) return EXIT_CODES.failed[0]
  const { code } = error
  if (NOT_SIGNED_IN.has(code)) return EXIT_CODES.notSignedIn[0]
  if (code === 'account.not_found') return EXIT_CODES.notFound[0]
  if (code === 'conflict.profile_in_use') return EXIT_CODES.inUse[0]
  if (USAGE.has(code)) return EXIT_CODES.usage[0]
  if (code.startsWith('unavailable.') || code === 'timeout') return EXIT_CODES.unreachable[0]
  if (SECURITY.has(code) || code.startsWith('e2ee.') || code.startsWith('proof.')) return EXIT_CODES.security[0]
  return EXIT_CODES.failed[0]
}

/** The table of exit codes for `--help`. */
export function exitCodeHelp(): string {
  return ['Exit codes:', ...Object.values(EXIT_CODES).map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}`)].join('\n')
}
