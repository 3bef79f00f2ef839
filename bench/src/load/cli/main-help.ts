import { SCENARIOS } from '../scenarios/find-scenario.js'
import { TASKS } from '../tasks/find-task.js'

/** `npm run bench -- --help`. */
export function mainHelp(): string {
  return `npm run bench -- <scenario or file> [options]     put a server under load and measure it
npm run bench -- compare --with raw-uws [options] the same load on other systems, and the ratios
npm run bench -- diff <a.json> <b.json> [options] what changed between two results; with one, since the last accepted run
npm run bench -- accept <a.json> --why <text>     a line in the history of accepted runs
npm run bench -- scale [options]                  what people cost on a cluster, and what 10^6 to 10^8 of them need

Each with --help. To begin with: npm run bench -- one-to-one --duration 10s --html report.html

Scenarios:
${[...SCENARIOS, ...TASKS].map(({ name, summary }) => `  ${name.padEnd(16)}${summary}`).join('\n')}

Exit codes: 0 pass, 99 a threshold was broken, 2 the run is not valid, 1 the tool could not do it. Method and flags: docs/bench.md`
}
