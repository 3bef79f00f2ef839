import { isEvegramError } from '../../errors.js'
import type { ProofPrimitives } from '../primitives.js'
import { verifyProof, type ProofExpectation } from '../verify-proof.js'
import { chainOf } from '../wallet-id.js'
import type { WalletProof } from '../wallet-proof.js'
import { isObject } from './json.js'
import { OWN_FORMAT, readOwnProof } from './own.js'

/** Speed of one chain: whole proofs, and the curve equation alone on the same keys and messages. */
export interface ProofSpeed {
  readonly chain: string
  readonly primitives: string
  /** Valid proofs that the figure is made with, taken in turn. */
  readonly proofs: number
  readonly proofsPerCpuSecond: number
  readonly primitivesPerCpuSecond: number
}

/** A valid proof with what it was made for. */
interface Sample {
  readonly proof: WalletProof
  readonly expected: ProofExpectation
}

function samplesOf(text: string): readonly Sample[] {
  const file: unknown = JSON.parse(text)
  if (!isObject(file) || file['format'] !== OWN_FORMAT || !Array.isArray(file['cases'])) return []
  return file['cases'].filter(isObject).filter((vector) => vector['kind'] === 'proof' && vector['valid'] === true).flatMap((vector) => {
    try {
      return [readOwnProof(vector)]
    } catch (error) {
      // A vector that does not parse is the judge's to report; it is no sample.
      if (isEvegramError(error)) return []
      throw error
    }
  })
}

/** The calls of the primitive that verifying the samples makes, to be repeated without anything around them. */
function primitiveCalls(samples: readonly Sample[], primitives: ProofPrimitives): readonly (() => boolean)[] {
  const calls: (() => boolean)[] = []
  const record = (name: 'ed25519Verify' | 'secp256k1Verify') => (...input: Parameters<ProofPrimitives['ed25519Verify']>): boolean => {
    calls.push(() => primitives[name](...input))
    return true
  }
  const recorder: ProofPrimitives = { ed25519Verify: record('ed25519Verify'), secp256k1Verify: record('secp256k1Verify') }
  for (const { proof, expected } of samples) verifyProof(proof, expected, recorder)
  return calls
}

/**
 * How often per CPU-second each of the two lists of tasks, taken in turn, can be run. They alternate round by round, so that what else
 * the machine does slows both alike. Throws when a task says no.
 */
function perCpuSecond(
  one: readonly (() => boolean)[], other: readonly (() => boolean)[], cpuSeconds: () => number, seconds: number,
): readonly [number, number] {
  const timed = (tasks: readonly (() => boolean)[]): number => {
    const startedAt = cpuSeconds()
    for (const task of tasks) if (!task()) throw new Error('a sample does not verify')
    return cpuSeconds() - startedAt
  }
  timed(one)
  timed(other)
  let [rounds, oneSpent, otherSpent] = [0, 0, 0]
  do {
    oneSpent += timed(one)
    otherSpent += timed(other)
    rounds++
  } while (Math.min(oneSpent, otherSpent) < seconds)
  return [Math.round((rounds * one.length) / oneSpent), Math.round((rounds * other.length) / otherSpent)]
}

/**
 * Measures every chain for which the vector files hold valid proofs, each for about `seconds` of CPU time per figure.
 * `cpuSeconds` is the CPU time of this process, `name` says which primitives these are, `alone` computes the equations to compare with.
 */
export function benchProofs(
  files: readonly string[], name: string, primitives: ProofPrimitives, cpuSeconds: () => number, seconds: number,
  alone = primitives,
): readonly ProofSpeed[] {
  const all = files.flatMap(samplesOf)
  const chains = [...new Set(all.map(({ proof }) => chainOf(proof.walletId)))]
  return chains.map((chain) => {
    const samples = all.filter(({ proof }) => chainOf(proof.walletId) === chain)
    const proofs = samples.map(({ proof, expected }) => () => verifyProof(proof, expected, primitives).status === 'valid')
    const [proofsPerCpuSecond, primitivesPerCpuSecond] = perCpuSecond(proofs, primitiveCalls(samples, alone), cpuSeconds, seconds)
    return { chain, primitives: name, proofs: samples.length, proofsPerCpuSecond, primitivesPerCpuSecond }
  })
}
