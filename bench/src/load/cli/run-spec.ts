import { DRIVER_NAMES } from '../drivers/driver-names.js'
import { SCENARIOS } from '../scenarios/find-scenario.js'
import type { CommandSpec, OptionSpec } from './command-line.js'

/** Options that shape the load, of `run` and `compare` alike. */
export const LOAD_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  clients: { placeholder: 'n', help: 'connected clients (default: the scenario\'s own)' },
  payload: { placeholder: 'bytes', help: 'length of every payload, 25 to 48000 (default: the scenario\'s own); payloads are opaque bytes unless --e2ee' },
  warmup: { placeholder: 'time', help: 'excluded from every figure (default: a fifth of the duration, at most 5s; 0 for none)' },
  arrivals: { placeholder: 'kind', help: 'poisson (default) or constant: how planned times of an open loop lie' },
  seed: { placeholder: 'text', help: 'the same seed plans the same times (default: drawn, and printed)' },
  workers: { placeholder: 'n', help: 'generator processes (default: one for each core but one, at most 8)' },
  json: { help: 'the result as one JSON object on standard output' },
}

/** `npm run bench -- <scenario>`. */
export const RUN_SPEC: CommandSpec = {
  usage: 'npm run bench -- <scenario or file> [options]',
  text: `Puts a server under load and measures it: the one at --server, the one that "npm start" runs here, or one that is started for this run alone.\n\n` +
    `Scenarios:\n${SCENARIOS.map(({ name, summary }) => `  ${name.padEnd(12)}${summary}`).join('\n')}\n\n` +
    'Open loop (default): every message has a planned time, and its latency counts from that time, whatever the answers do. Closed loop: --closed.',
  options: {
    duration: { placeholder: 'time', help: 'of the measured part, as 500ms, 30s, 5m (default 30s)' },
    rate: { placeholder: 'n', help: 'messages a second of all senders together (default: the scenario\'s own)' },
    stages: { placeholder: 'list', help: 'parts with rates of their own instead of --rate and --duration: 10s:100,1m:100-500,30s:500' },
    closed: { placeholder: 'n', help: 'closed loop: n messages of every sender under way at a time, as fast as it goes' },
    ...LOAD_OPTIONS,
    e2ee: { help: 'real clients: the SDK encrypts, decrypts and verifies every message (in the generator, so hundreds a second, not tens of thousands)' },
    driver: { placeholder: 'name', help: `evegram (default), or another system, started for the run: ${DRIVER_NAMES.filter((name) => name !== 'evegram').join(', ')}` },
    server: { placeholder: 'url', help: 'the server to measure (default: http://localhost:8080 if one answers there)' },
    admin: { placeholder: 'url', help: 'its metrics, for the event-loop delay (default with the default server: http://localhost:8082)' },
    fresh: { help: 'start a server for this run, whatever runs here' },
    nodes: { placeholder: 'n', help: 'start a cluster for this run: so many nodes (1 or 3) of Cassandra and NATS, with Redis; tells the CPU of every process' },
    engines: { placeholder: 'n', help: 'engines of that cluster, 1 to 8 (default: one for each node)' },
    pin: { help: 'a core for the server that this run started, the others for the generator (Linux, taskset)' },
    profile: { placeholder: 'folder', help: 'start a server for this run and write there where its main thread spent the time: flame.svg, top-costs.txt, server.cpuprofile' },
    threshold: { placeholder: 'bound', isRepeated: true, help: 'fail (99) unless it holds: \'p99<50ms\', \'ack.p99<20ms\', \'rate>=1000\'; may be repeated' },
    'abort-on-fail': { help: 'end the run as soon as a threshold is broken for good' },
    'counters-only': { help: 'an overloaded generator is told but fails nothing: for checks on busy machines' },
    html: { placeholder: 'file', help: 'write the report as one HTML file' },
    csv: { placeholder: 'file', help: 'write the timeline as CSV' },
    hgrm: { placeholder: 'file', help: 'write the delivery latencies as .hgrm' },
    prometheus: { placeholder: 'file', help: 'write the figures in the Prometheus text format' },
    'dry-run': { help: 'say what would be done, and send nothing' },
  },
}
