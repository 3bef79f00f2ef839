// node auth/dist/verify-vectors.js [--bench <seconds>] <file>...
// Judges proof vectors with the server's primitives: one JSON line per vector, or per file that holds none. `npm run verify` compares
// these lines with those of the SDK. With --bench: one JSON line per chain with its speed.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { benchProofs, reportVectorFile } from '@evegram/protocol/proof'
import { bareNodePrimitives, createNodePrimitives } from '@evegram/platform'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { bench: { type: 'string' } } })
const print = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

if (values.bench === undefined) {
  const primitives = createNodePrimitives()
  for (const file of positionals) reportVectorFile(file, readFileSync(file, 'utf8'), primitives).forEach(print)
} else {
  const files = positionals.map((file) => readFileSync(file, 'utf8'))
  const seconds = Number(values.bench)
  const cpuSeconds = (): number => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  }
  benchProofs(files, 'node:crypto', createNodePrimitives(), cpuSeconds, seconds).forEach(print)
  benchProofs(files, 'node:crypto, key imported each time', createNodePrimitives(0), cpuSeconds, seconds, bareNodePrimitives).forEach(print)
}
