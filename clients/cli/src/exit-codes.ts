import { isEvegramError } from '@evegram/protocol'

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

/** The exit code for a failure. */
export function exitCodeOf(error: unknown): number {
  if (!isEvegramError(error)) return EXIT_CODES.failed[0]
  const { code } = error
  if (code === 'client.not_signed_in' || code === 'auth.token_revoked' || code === 'account.device_unknown') return EXIT_CODES.notSignedIn[0]
  if (code === 'account.not_found') return EXIT_CODES.notFound[0]
  if (code === 'conflict.profile_in_use') return EXIT_CODES.inUse[0]
  if (code === 'invalid.argument' || code === 'invalid.address') return EXIT_CODES.usage[0]
  if (code.startsWith('unavailable.') || code === 'timeout') return EXIT_CODES.unreachable[0]
  if (code.startsWith('account.') || code.startsWith('e2ee.') || code.startsWith('server.') || code.startsWith('proof.')) return EXIT_CODES.security[0]
  return EXIT_CODES.failed[0]
}

/** The table of exit codes for `--help`. */
export function exitCodeHelp(): string {
  return ['Exit codes:', ...Object.values(EXIT_CODES).map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}`)].join('\n')
}
