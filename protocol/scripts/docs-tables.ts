import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ACCOUNT_NOTICE_KINDS } from '../src/account-notice.js'
import { CLOSE_CODES } from '../src/close-codes.js'
import { BODY_TYPE, ENVELOPE_KIND, ENVELOPE_OFFSETS } from '../src/envelope.js'
import { ERROR_CODES } from '../src/errors.js'
import { FRAME_TYPE } from '../src/frame.js'
import { LIMITS } from '../src/limits.js'
import { PAYLOAD_KIND } from '../src/payload.js'
import { CHAINS } from '../src/proof/network.js'
import { namesBody, namesOtherWallet, PURPOSES, type Purpose } from '../src/proof/text.js'
import { SIGNAL_KIND } from '../src/signals.js'

// Writes the tables of docs/protocol.md from the constants that the code runs: npx tsx protocol/scripts/docs-tables.ts

const DOC = new URL('../../docs/protocol.md', import.meta.url)

/** Who sends a frame, what its body is, and what answers it. */
const FRAMES: Readonly<Record<keyof typeof FRAME_TYPE, readonly [sender: string, body: string, answer: string]>> = {
  hello: ['client', 'CBOR, see 3.2', '`welcome` or `failure` and close'],
  send: ['client', 'encoded envelope, see 5', '`ack` or `failure`'],
  open: ['client', 'CBOR, see 4.1', '`opened` or `failure`'],
  read: ['client', 'CBOR, see 4.2', '`page` or `failure`'],
  catchUp: ['client', 'CBOR, see 4.3', '`page` or `failure`'],
  deviceAck: ['client', '12 bytes, see 4.4', '–'],
  ping: ['client', 'empty', '`pong`'],
  changeGroup: ['client', 'encoded entry, see 4.9', '`opened` or `failure`'],
  readGroup: ['client', 'CBOR, see 4.9', '`group` or `failure`'],
  post: ['client', 'encoded post, see 4.10', '`channelHead` or `failure`'],
  follow: ['client', 'CBOR, see 4.10', '`channelPage` or `failure`'],
  unfollow: ['client', 'CBOR, see 4.10', '`channelHead` or `failure`'],
  readChannel: ['client', 'CBOR, see 4.10', '`channelPage` or `failure`'],
  signal: ['client', '17 bytes, see 4.11', '–'],
  listen: ['client', '1 byte, see 4.11', '–'],
  challenge: ['server', 'CBOR, see 3.1', '`hello`'],
  welcome: ['server', 'CBOR, see 3.3', '–'],
  ack: ['server', '20 bytes each, see 4.5', '–'],
  deliver: ['server', 'position and envelope, see 4.6', '`deviceAck`, cumulative'],
  opened: ['server', 'CBOR, see 4.1', '–'],
  page: ['server', 'see 4.2', '–'],
  synced: ['server', '8 bytes, see 4.3', '–'],
  pong: ['server', 'empty', '–'],
  failure: ['server', 'CBOR, see 4.7', '–'],
  notice: ['server', 'CBOR, see 4.8', '–'],
  group: ['server', 'CBOR, see 4.9', '–'],
  channelPage: ['server', 'CBOR, see 4.10', '–'],
  channelHead: ['server', 'CBOR, see 4.10', '–'],
  posted: ['server', 'encoded post, see 4.10', '–'],
  signalled: ['server', '49 bytes, see 4.11', '–'],
}

const ENVELOPE_FIELDS: Readonly<Record<keyof typeof ENVELOPE_OFFSETS, readonly [type: string, meaning: string]>> = {
  version: ['u8', '1'],
  kind: ['u8', 'see the table of kinds'],
  bodyCount: ['u16', 'bodies that follow'],
  conversation: ['16 bytes', 'conversation id'],
  device: ['16 bytes', 'sending device: the authenticated one'],
  account: ['16 bytes', 'account of the sending device'],
  epoch: ['u32', 'chain epoch; 0 for control traffic and only for it'],
  number: ['u64, below 2^53', 'number in the chain; random for control traffic'],
  order: ['u64', 'order key of the sender'],
  membershipVersion: ['u32', 'membership that the sender encrypted for'],
  accountCount: ['u16', 'account versions that follow'],
  reserved: ['u16', '0'],
  end: ['', 'account versions, then bodies'],
}

type Row = readonly (string | number)[]

function table(header: Row, rows: readonly Row[]): string {
  const line = (cells: Row): string => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}

/** The comment above each constant of limits.ts. */
function limitMeanings(): ReadonlyMap<string, string> {
  const source = readFileSync(new URL('../src/limits.ts', import.meta.url), 'utf8')
  return new Map([...source.matchAll(/\/\*\* (.+) \*\/\n {2}(\w+):/g)].map(([, meaning = '', name = '']) => [name, meaning]))
}

/** The state machine of a session, read as text: this package imports no service. */
function sessionRows(): readonly Row[] {
  const source = readFileSync(new URL('../../engine/src/core/session-states.ts', import.meta.url), 'utf8')
  const rows = [...source.matchAll(/\{ from: '(\w+)', event: '(\w+)', to: '(\w+)' \}/g)].map(([, from = '', event = '', to = '']) => [from, event, to])
  if (rows.length === 0) throw new Error('engine/src/core/session-states.ts holds no transitions')
  return rows
}

const UNITS: readonly (readonly [RegExp, string])[] = [[/BytesMax$/, 'bytes'], [/Ms(Max)?$/, 'ms'], [/Max$/, '']]

function limitRow(name: string, value: number, meanings: ReadonlyMap<string, string>): Row {
  const unit = UNITS.find(([pattern]) => pattern.test(name))?.[1] ?? ''
  return [`\`${name}\``, `${value.toLocaleString('en-US')}${unit === '' ? '' : ` ${unit}`}`, meanings.get(name) ?? '']
}

function purposeRow(purpose: Purpose): Row {
  const extra = namesOtherWallet(purpose) ? '`wallet`' : namesBody(purpose) ? '`body`' : '–'
  return [`\`${purpose}\``, PURPOSES[purpose], extra]
}

/** Every generated table by the name in its markers. */
export function tables(): Readonly<Record<string, string>> {
  const meanings = limitMeanings()
  return {
    'frame-types': table(
      ['type', 'name', 'sent by', 'body', 'answered by'],
      Object.entries(FRAMES).map(([name, row]) => [FRAME_TYPE[name as keyof typeof FRAME_TYPE], `\`${name}\``, ...row]),
    ),
    'session-states': table(['state', 'event', 'next state'], sessionRows()),
    'envelope-layout': table(
      ['offset', 'field', 'type', 'meaning'],
      Object.entries(ENVELOPE_FIELDS).map(([name, row]) => [ENVELOPE_OFFSETS[name as keyof typeof ENVELOPE_OFFSETS], `\`${name}\``, ...row]),
    ),
    'envelope-kinds': table(['value', 'kind'], Object.entries(ENVELOPE_KIND).map(([name, value]) => [value, `\`${name}\``])),
    'body-types': table(['value', 'type'], Object.entries(BODY_TYPE).map(([name, value]) => [value, `\`${name}\``])),
    'signal-kinds': table(['value', 'kind'], Object.entries(SIGNAL_KIND).map(([name, value]) => [value, `\`${name}\``])),
    'payload-kinds': table(['value', 'kind'], Object.entries(PAYLOAD_KIND).map(([name, value]) => [value, `\`${name}\``])),
    'notice-kinds': table(['kind', 'tells that'], Object.entries(ACCOUNT_NOTICE_KINDS).map(([name, text]) => [`\`${name}\``, text])),
    'purposes': table(['purpose', 'sentence', 'further resource'], Object.keys(PURPOSES).map((name) => purposeRow(name as Purpose))),
    'chains': table(
      ['chain', 'network', 'wallet id', 'title in the text', '`Chain ID` line'],
      CHAINS.map(({ chain, network, namespace, reference, title }) => [chain, network, `\`${namespace}:${reference}:<address>\``, title, `\`${reference}\``]),
    ),
    'close-codes': table(
      ['code', 'name', 'client', 'meaning'],
      Object.entries(CLOSE_CODES).map(([name, { code, advice, text }]) => [code, `\`${name}\``, `\`${advice}\``, text]),
    ),
    'error-codes': table(['code', 'retry', 'advice'], Object.entries(ERROR_CODES).map(([code, [retry, advice]]) => [`\`${code}\``, `\`${retry}\``, advice])),
    'limits': table(['limit', 'value', 'meaning'], Object.entries(LIMITS).map(([name, value]) => limitRow(name, value, meanings))),
  }
}

/** The document with every table between its markers replaced by the current one. Throws when a table has no place in it. */
export function withTables(document: string): string {
  let updated = document
  for (const [name, content] of Object.entries(tables())) {
    const [begin, end] = [`<!-- generated:${name} -->`, `<!-- /generated:${name} -->`]
    const [from, to] = [updated.indexOf(begin), updated.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`docs/protocol.md has no place for the table ${name}`)
    updated = `${updated.slice(0, from + begin.length)}\n${content}\n${updated.slice(to)}`
  }
  return updated
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(DOC, withTables(readFileSync(DOC, 'utf8')))
