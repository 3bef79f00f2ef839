// Writes protocol/vectors/proof-*.json: npx tsx protocol/vectors/generate-proofs.ts
// Keys and signatures are made by each chain's own library, texts and digests by a second implementation, and the reason codes are
// written by hand: nothing here comes from the verifiers that the vectors judge. Every seed is fixed, so a run changes no byte.
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NOW_MS, type Case } from './generator/base.js'
import { signatureCases } from './generator/signatures.js'
import { solanaCases } from './generator/solana.js'
import { terraCases } from './generator/terra.js'
import { textAndNameCases } from './generator/texts.js'
import { tonCases } from './generator/ton.js'

const FIELDS = {
  proof: '`proof` is the map of a stored proof (bytes in hex), `expected` what the verifier knows; nowMs is its clock, mode server or peer',
  signature: 'one strict signature check; key, message and signature in hex',
  text: '`fields` must give exactly `text`, or be refused',
  url: 'a configured URL and the domain and origin that it means',
  address: 'an address as people write it, the wallet id and the printed form',
}

function write(name: string, oracle: string, cases: readonly Case[]): void {
  const names = new Set(cases.map((entry) => entry.name))
  if (names.size !== cases.length) throw new Error(`${name}: names repeat: ${cases.map((entry) => entry.name).filter((entry, index, all) => all.indexOf(entry) !== index).join('; ')}`)
  const kinds = [...new Set(cases.map(({ kind }) => kind))]
  const head = {
    format: 'evegram-proof-vectors/1',
    source: { made_by: 'protocol/vectors/generate-proofs.ts', oracle, licence: 'Apache-2.0' },
    about: {
      rule: 'a case with valid: true is accepted; every other is refused with exactly `code`',
      kinds: Object.fromEntries(Object.entries(FIELDS).filter(([kind]) => kinds.includes(kind))),
      clock: `times are milliseconds since 1970; honest proofs are issued at ${String(NOW_MS)}`,
    },
  }
  const lines = cases.map((entry) => `    ${JSON.stringify(entry)}`).join(',\n')
  const json = `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "cases": [\n${lines}\n  ]\n}\n`
  writeFileSync(join(dirname(fileURLToPath(import.meta.url)), name), json)
  console.log(name, cases.filter(({ valid }) => valid).length, 'valid', cases.filter(({ valid }) => !valid).length, 'invalid')
}

write('proof-solana.json', '@solana/web3.js 1.98.4 (keys, addresses, transactions), TweetNaCl through @ton/crypto 3.3.0 (signatures)', solanaCases())
write('proof-ton.json', '@ton/ton 16.3.0, @ton/core 0.63.1, @ton/crypto 3.3.0 (contracts, addresses, cells, signatures)', tonCases())
write('proof-terra.json', '@cosmjs/amino 0.39.0 (keys, addresses, sign documents, signatures)', await terraCases())
write('proof-text.json', 'the template written a second time; addresses by @solana/web3.js, @ton/core, @cosmjs/amino', await textAndNameCases())
write('proof-signatures.json', '@noble/curves 2.4.0 (point arithmetic for keys of small and mixed order)', signatureCases())
