import { createHash } from 'node:crypto'
import type { ProofPrimitives } from '@evegram/protocol/proof'

/** Answers kept, about 150 bytes each; past it all go. A run asks about fewer signatures than this. */
const ANSWERS_MAX = 50_000
/** Of the whole process, by the primitives that gave them: pure functions, so that what is in it changes no answer, only its time. */
const answersOf = new WeakMap<ProofPrimitives, Map<string, boolean>>()

/**
 * `inner`, asked once for each key, message and signature: in a simulation every device of every peer checks the same log entries. The
 * answers are shared by all that wrap the same `inner`, and found by a SHA-256 of all three inputs and their lengths.
 */
export function memoizedPrimitives(inner: ProofPrimitives): ProofPrimitives {
  const answers = answersOf.get(inner) ?? new Map<string, boolean>()
  answersOf.set(inner, answers)
  const once = (curve: 'ed25519Verify' | 'secp256k1Verify'): ProofPrimitives['ed25519Verify'] => (publicKey, message, signature) => {
    const name = createHash('sha256').update(`${curve} ${publicKey.length} ${message.length} `).update(publicKey).update(message).update(signature)
      .digest('base64')
    const known = answers.get(name)
    if (known !== undefined) return known
    const answer = inner[curve](publicKey, message, signature)
    if (answers.size >= ANSWERS_MAX) answers.clear()
    answers.set(name, answer)
    return answer
  }
  return { ...inner, ed25519Verify: once('ed25519Verify'), secp256k1Verify: once('secp256k1Verify') }
}
