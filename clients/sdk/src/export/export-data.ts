import { isEvegramError, utf8, type EvegramError } from '@evegram/protocol'
import type { Client } from '../client.js'
import { readableOf } from '../files/readable-of.js'
import { base64Of } from './base64.js'
import { EXPORT_FORMAT, timeOf, type ExportLine } from './export-line.js'
import { conversationLines } from './message-lines.js'
import { moneyLines } from './money-lines.js'
import type { ExportOptions } from './export-options.js'

const POSTS_AT_ONCE = 500
const NOTICES_AT_ONCE = 500
/** Lines between two calls of `onProgress`. */
const LINES_PER_STEP = 100

/** The account itself: who it is, on which devices, by which wallets. */
async function* accountLines(client: Client): AsyncGenerator<ExportLine> {
  yield* asked('account_log', async function* () {
    for (const { seq, kind, atMs, entry } of await client.accountLog()) yield { type: 'account_log', seq, kind, at: timeOf(atMs), entry: base64Of(entry) }
  })
  yield* asked('devices', async function* () {
    for (const { device, active, attestedAtMs } of await client.devices()) yield { type: 'device', device, active, attestedAt: timeOf(attestedAtMs), thisDevice: device === client.device || undefined }
  })
  yield* asked('wallets', async function* () {
    for (const { address, chain, founding, active } of await client.wallets()) yield { type: 'wallet', address, chain, founding, active }
  })
  for (const { account, address, name, relation } of await client.contacts.list()) yield { type: 'contact', account, address, name, relation }
  for (const account of await client.blocked()) yield { type: 'blocked', account }
  for (const [name, value] of Object.entries(await client.settings.all())) yield { type: 'setting', name, value: value as string | boolean }
}

/** Everything that was said, as this device has it. */
async function* talkLines(client: Client, options: ExportOptions): AsyncGenerator<ExportLine> {
  for (const { conversation, account, address, group, firstAtMs, messages, dropped } of await client.requests()) {
    yield { type: 'request', conversation, account, address, group, firstAt: timeOf(firstAtMs), messages, dropped }
    if (!group) yield* conversationLines(client, await client.conversation(account), options)
  }
  for (const talk of await client.conversations()) yield* conversationLines(client, talk, options)
  for (const group of await client.groups()) yield* conversationLines(client, group, options)
  for (const channel of await client.channels()) {
    yield { type: 'channel', channel: channel.id, name: await channel.name(), role: await channel.role() }
    for (const { account, address, role } of await channel.authors()) yield { type: 'member', of: channel.id, account, address, role }
    for (let after = 0, more = true; more;) {
      const posts = await channel.posts({ after, limit: POSTS_AT_ONCE })
      for (const { seq, by, from, atMs, kind, text } of posts) {
        after = seq
        yield { type: 'post', channel: channel.id, seq, account: by, from, at: timeOf(atMs), kind, text }
      }
      more = posts.length === POSTS_AT_ONCE
    }
    for (const { from, to, reason } of await channel.gaps()) yield { type: 'gap', channel: channel.id, from, to, reason }
  }
}

async function* noticeLines({ notices }: Client): AsyncGenerator<ExportLine> {
  for (let page = await notices.listAfter(undefined, NOTICES_AT_ONCE); page.length > 0; page = await notices.listAfter(page.at(-1), NOTICES_AT_ONCE)) {
    for (const { messageId, kind, asset, amount, transfer, transaction, atMs } of page) {
      yield { type: 'notice', notice: messageId, kind, asset, amount: amount.toString(), transfer, transaction, at: timeOf(atMs) }
    }
  }
}

/** What the server keeps for the account, and told it. */
async function* serverLines(client: Client): AsyncGenerator<ExportLine> {
  yield* noticeLines(client)
  yield* asked('wallet', () => moneyLines(client))
  yield* asked('backups', async function* () {
    for (const { blob, bytes, createdAtMs, expiresAtMs } of (await client.backup.status(true)).stored ?? []) {
      yield { type: 'stored_backup', blob, bytes, createdAt: timeOf(createdAtMs), expiresAt: timeOf(expiresAtMs) }
    }
  })
}

/** What needs an answer of the server: without one the line says what is left out, and why. */
async function* asked(what: string, lines: () => AsyncIterable<ExportLine>): AsyncGenerator<ExportLine> {
  try {
    yield* lines()
  } catch (error) {
    if (!isEvegramError(error) || isOwnFailure(error)) throw error
    yield { type: 'not_included', what, code: error.code }
  }
}

function isOwnFailure({ code }: EvegramError): boolean {
  return code === 'client.store' || code === 'client.closed' || code === 'internal'
}

/** All lines, the last one with how many there are. */
async function* exportLines(client: Client, nowMs: number, options: ExportOptions): AsyncGenerator<ExportLine> {
  let lines = 0
  let messages = 0
  const parts = [accountLines(client), talkLines(client, options), serverLines(client)]
  yield { type: 'export', format: EXPORT_FORMAT, account: client.account, address: client.address, domain: client.domain, device: client.device, at: timeOf(nowMs), files: options.files === true }
  for (const part of parts) {
    for await (const line of part) {
      options.signal?.throwIfAborted()
      lines += 1
      if (line.type === 'message') messages += 1
      yield line
    }
  }
  yield { type: 'end', lines: lines + 2, messages }
}

/** The data of the own account as lines of JSON in UTF-8, read no faster than it is asked for: docs/export.md has the format. No key is in it. `nowMs`: in ms since 1970. */
export function exportData(client: Client, nowMs: number, options: ExportOptions = {}): ReadableStream<Uint8Array> {
  async function* bytesOf(): AsyncGenerator<Uint8Array> {
    const progress = { lines: 0, messages: 0, bytes: 0 }
    for await (const line of exportLines(client, nowMs, options)) {
      const bytes = utf8(`${JSON.stringify(line)}\n`)
      progress.lines += 1
      progress.bytes += bytes.length
      if (line.type === 'message') progress.messages += 1
      if (progress.lines % LINES_PER_STEP === 0 || line.type === 'end') options.onProgress?.({ ...progress })
      yield bytes
    }
  }
  return readableOf(() => Promise.resolve(bytesOf()))
}
