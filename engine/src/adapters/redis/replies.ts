import { EvegramError } from '@evegram/protocol'
import type { RedisReply } from '@evegram/platform/redis'

/** A reply that is a list. Throws `internal` for another. */
export function listOf(reply: RedisReply): readonly RedisReply[] {
  if (reply === null || typeof reply !== 'object') throw malformed()
  return reply
}

/** A reply that is a number in text. Throws `internal` for another. */
export function numberOf(reply: RedisReply | undefined): number {
  const number = typeof reply === 'string' ? Number(reply) : Number.NaN
  if (Number.isNaN(number)) throw malformed()
  return number
}

/** The failure for a reply that no script of ours gives. */
export function malformed(): EvegramError {
  return new EvegramError('internal', { operation: 'read presence', details: { reply: 'not what the script answers' } })
}
