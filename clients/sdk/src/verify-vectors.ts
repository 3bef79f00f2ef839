// node clients/sdk/dist/verify-vectors.js [--bench <seconds>] <file>...
// Judges proof vectors with the SDK's primitives: one JSON line per vector, or per file that holds none. `npm run verify` compares
// these lines with those of the server. With --bench: one JSON line per chain with its speed. Not part of the package's exports.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { benchProofs, reportVectorFile } from '@evegram/protocol/proof'
import { noblePrimitives } from './crypto/noble-primitives.js'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { bench: { type: 'string' } } })
const print = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

if (values.bench === undefined) {
  for (const file of positionals) reportVectorFile(file, readFileSync(file, 'utf8'), noblePrimitives).forEach(print)
} else {
  const cpuSeconds = (): number => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  }
  const files = positionals.map((file) => readFileSync(file, 'utf8'))
  benchProofs(files, '@noble/curves', noblePrimitives, cpuSeconds, Number(values.bench)).forEach(print)
}
