import { ERROR_CODES, EvegramError, type ErrorCode } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { EXIT_CODES, exitCodeHelp, exitCodeOf } from './exit-codes.js'

describe('exit codes', () => {
  it('say what a script should do next', () => {
    const expected: Partial<Record<ErrorCode, number>> = {
      'client.not_signed_in': 3, 'client.revoked': 3, 'auth.token_revoked': 3, 'account.device_revoked': 3, 'unavailable.server': 4, 'timeout': 4,
      'e2ee.bad_mac': 5, 'account.log_rolled_back': 5, 'server.identity_changed': 5, 'client.domain_mismatch': 5, 'proof.domain': 5,
      'account.not_found': 6, 'conflict.profile_in_use': 7, 'invalid.address': 2, 'invalid.argument': 2,
      'invalid.channel_link': 2, 'channel.key': 2, 'channel.log_invalid': 5, 'denied.not_author': 1,
      'account.wallet_taken': 1, 'too_large.payload': 1, 'account.closed': 1,
    }
    for (const [code, exitCode] of Object.entries(expected)) expect(exitCodeOf(new EvegramError(code as ErrorCode)), code).toBe(exitCode)
    expect(exitCodeOf(new Error('anything else'))).toBe(1)
  })

  it('are documented, each once, for every failure that there is', () => {
    const documented: readonly number[] = Object.values(EXIT_CODES).map(([code]) => code)
    expect(new Set(documented).size).toBe(documented.length)
    for (const code of Object.keys(ERROR_CODES)) expect(documented).toContain(exitCodeOf(new EvegramError(code as ErrorCode)))
    for (const code of documented) expect(exitCodeHelp()).toMatch(new RegExp(`^ {2}${String(code)} +\\S`, 'm'))
  })
})
