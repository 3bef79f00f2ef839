#!/usr/bin/env node
// `npm run undecryptable`: install and build what it needs, then run the real cores of the SDK on virtual time against a server that fails, and count what becomes of every message. Options: -- --help
import { parseArgs } from 'node:util'
import { build, install, requireNode } from './prepare.mjs'

const HELP = `Usage: npm run undecryptable -- [--messages 1000] [--seed name] [--json]
Three people whose devices come, go, lose sessions and restore archives, over a server that loses, doubles and changes deliveries: every message
is healed on every device that was meant to read it, and told once, or named where one of the limits in docs/e2ee.md ("What is healed") keeps it away.
Virtual time; the seed replays what is done (keys are random).
Exit codes: 0 all healed or beyond these limits, 1 something was lost, told twice, or not healed within the limits, 2 the command line is wrong.`

let options
try {
  options = parseArgs({ options: { messages: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' }, json: { type: 'boolean' }, help: { type: 'boolean' } } }).values
  if (!/^[1-9][0-9]{0,6}$/.test(options.messages)) throw new TypeError('--messages is a number from 1 on')
} catch (error) {
  console.error(`${error.message}\n\n${HELP}`)
  process.exit(2)
}
if (options.help) {
  console.log(HELP)
  process.exit(0)
}
requireNode()
await install()
await build(console.error, ['clients/sdk'])
const { tsImport } = await import('tsx/esm/api')
const { runUndecryptable } = await tsImport('../clients/sdk/src/sync/testing/undecryptable-run.ts', import.meta.url)
let saidAtMs = -Infinity
const result = await runUndecryptable({
  messages: Number(options.messages), seed: options.seed,
  onProgress: (messages) => {
    if (options.json || performance.now() - saidAtMs < 2_000) return
    saidAtMs = performance.now()
    console.error(`${messages} of ${options.messages} messages`)
  },
})
const { did, outcomes, healedWithin, told, refused, unhealed, faults } = result
if (options.json) console.log(JSON.stringify(result))
else {
  const list = (counts) => Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ') || 'nothing'
  console.log(`seed ${options.seed}: ${list(did)}`)
  console.log(`on the devices that were meant to read: shown ${outcomes.shown} (healed ${outcomes.healed}), from archives ${outcomes.archived}, named ${list(outcomes.named)}, lost ${outcomes.lost}, told twice ${outcomes.doubled}`)
  console.log(`of those named: beyond the limits of healing: ${list(outcomes.bounds)}; within them, and not healed: ${outcomes.unanswered}`)
  console.log('healed, by what was wrong first and the virtual time that it took:')
  for (const [why, [now, minute, eleven, hour, longer]] of Object.entries(healedWithin)) {
    console.log(`  ${why}: ${now} within 5 s, ${minute} within 1 min, ${eleven} within 11 min, ${hour} within 71 min, ${longer} later`)
  }
  console.log(`told to be missing, also what came later: ${list(told)}`)
  console.log(`refused: ${list(refused)}; still asked for: ${unhealed}`)
  for (const fault of faults) console.log(`broken: ${fault}`)
}
process.exit(outcomes.lost + outcomes.doubled + outcomes.unanswered === 0 ? 0 : 1)
