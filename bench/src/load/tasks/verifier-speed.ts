import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Chain, ProofSpeed } from '@evegram/protocol/proof'
import type { RawEnrolment } from '../../raw/raw-device.js'
import { proofSamples } from './proof-samples.js'

/** The server's own verifier as a program: its primitives are those of sign-in. */
const VERIFIER = fileURLToPath(new URL('../../../../auth/dist/verify-vectors.js', import.meta.url))
/** Of the lines that it prints, the one in which every key is new, as that of a wallet that signs in. */
const FRESH_KEYS = /each time$/
const RUN_MS_MAX = 600_000

/** What the server's verifier does per CPU-second on proofs of fresh wallets, and what the bare equation does. Rejects when the verifier refuses a proof. */
export async function verifierSpeed(
  enrolment: RawEnrolment, chain: Chain, { proofs: samples, seconds }: { readonly proofs: number; readonly seconds: number }, onMade: (made: number, of: number) => void,
): Promise<ProofSpeed> {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-proofs-'))
  try {
    const file = join(folder, `${chain}.json`)
    writeFileSync(file, await proofSamples(enrolment, chain, samples, (made) => { onMade(made, samples) }))
    const { stdout } = await promisify(execFile)(process.execPath, [VERIFIER, '--bench', String(seconds), file], { timeout: RUN_MS_MAX })
    // The program is part of this repository and prints lines of exactly this type.
    const speeds = stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as ProofSpeed)
    const fresh = speeds.find(({ primitives, chain: measured }) => measured === chain && FRESH_KEYS.test(primitives))
    if (fresh?.proofs !== samples) throw new Error(`the verifier took ${String(fresh?.proofs ?? 0)} of ${String(samples)} proofs of ${chain}`)
    return fresh
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
