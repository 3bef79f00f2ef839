import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeEntry, encodeAccountNotice, EvegramError, hexOf, type AccountNotice } from '@evegram/protocol'
import { FakeBlobs } from '../backup/testing/fake-blobs.js'
import { addNotice } from '../core/notice-row.js'
import { FAKE_ASSET, FakeWally } from '../money/testing/fake-wally.js'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from '../sync/testing/fake-server.js'
import { openTestClient, testWallet, type TestClient } from '../sync/testing/test-client.js'
import { rest, VirtualClock } from '../sync/testing/virtual-clock.js'
import type { ExportOptions, ExportProgress } from './export-options.js'

type Line = Readonly<Record<string, unknown>> & { readonly type: string }

async function exported(test: Pick<TestClient, 'client'>, options?: ExportOptions): Promise<readonly Line[]> {
  const text = await new Response(test.client.exportData(options)).text()
  expect(text.endsWith('\n')).toBe(true)
  return text.slice(0, -1).split('\n').map((line) => JSON.parse(line) as Line)
}

/** The fields of every type, as docs/export.md names them. */
function documented(): ReadonlyMap<string, readonly string[]> {
  const page = readFileSync(new URL('../../../../docs/export.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `([a-z_]+)` \| [^|]* \| ([^|]*) \|$/gm)].filter(([, type]) => type !== 'type')
  // What stands in brackets explains the field before it.
  return new Map(rows.map(([, type = '', fields = '']) => [type, [...fields.replace(/\([^)]*\)+/g, '').matchAll(/`([A-Za-z]+)`/g)].map(([, name = '']) => name)]))
}

interface Scene {
  readonly server: FakeServer
  readonly blobs: FakeBlobs
  readonly wally: FakeWally
  readonly alice: TestClient
  readonly bob: TestClient
}

async function scene(): Promise<Scene> {
  const server = new FakeServer(new VirtualClock())
  const blobs = new FakeBlobs()
  const wally = new FakeWally()
  const alice = await openTestClient(server, new MemoryStore(), testWallet('alice'), undefined, (account) => wally.api(account), 'ask', blobs)
  wally.deposit(alice.client.account, 5n)
  const bob = await openTestClient(server, new MemoryStore(), testWallet('bob', 'terra'), undefined, undefined, undefined, blobs)
  return { server, blobs, wally, alice, bob }
}

/** A profile with something of everything. */
async function lived(): Promise<Scene> {
  const all = await scene()
  const { server, alice, bob } = all
  const { client } = alice
  const talk = await client.conversation(bob.client.account)
  await (await talk.send('first')).acked
  await (await (await bob.client.conversation(client.account)).send('second')).acked
  await rest()
  const [first, second] = await talk.history()
  await talk.react(second?.messageId ?? '', '👍')
  await talk.edit(first?.messageId ?? '', 'first, said better')
  await talk.send('an answer', { replyTo: second?.messageId ?? '' })
  await talk.sendFiles([new File(['what the note says'], 'note.txt', { type: 'text/plain' })]).then(({ message }) => message)
  await talk.setDraft('not yet')
  await talk.hide(second?.messageId ?? '')
  await client.contacts.rename(bob.client.account, 'Bob')
  const group = await client.createGroup('gate', [bob.client.account])
  await (await group.send('to all')).acked
  const channel = await client.createChannel({ name: 'news' })
  await channel.post('posted')
  const eve = await openTestClient(server, new MemoryStore(), testWallet('eve'))
  await (await (await eve.client.conversation(client.account)).send('let me in')).acked
  const mallory = await openTestClient(server, new MemoryStore(), testWallet('mallory'))
  await client.block(mallory.client.account)
  await (await client.wallet.pay(talk, { asset: FAKE_ASSET, amount: 1_000n, note: 'rent' })).done.catch(() => undefined)
  all.wally.withdrawalFates.push('lost_answer')
  await client.wallet.withdraw(testWallet('alice'), { id: 'out-1', asset: FAKE_ASSET, amount: 2n, to: testWallet('alice').address }).catch(() => undefined)
  await client.backup.protect()
  await client.backup.toServer()
  await rest()
  return all
}

describe('an export', () => {
  it('has something of everything, in the types and fields that docs/export.md names', async () => {
    const { alice, bob } = await lived()
    const lines = await exported(alice, { files: true })
    const table = documented()
    expect(table.size).toBe(24)
    for (const line of lines) expect([line.type, Object.keys(line).filter((name) => name !== 'type' && !(table.get(line.type) ?? []).includes(name))]).toEqual([line.type, []])
    // What this profile cannot have is tested below: gaps, notices, and what is not included.
    const seen = new Set(lines.map(({ type }) => type))
    expect([...table.keys()].filter((type) => !seen.has(type))).toEqual(['gap', 'notice', 'not_included'])
    expect(lines[0]).toMatchObject({ type: 'export', format: 'evegram-export/1', account: alice.client.account, files: true })
    expect(lines.at(-1)).toEqual({ type: 'end', lines: lines.length, messages: lines.filter(({ type }) => type === 'message').length })
    const messages = lines.filter(({ type }) => type === 'message')
    expect(messages.map(({ text, direction }) => [text, direction])).toEqual([
      ['let me in', 'in'], ['first, said better', 'out'], ['second', 'in'], ['an answer', 'out'], ['', 'out'], ['to all', 'out'],
    ])
    expect(messages[0]).toMatchObject({ stranger: true })
    expect(messages[1]).toHaveProperty('editedAt')
    expect(messages[2]).toMatchObject({ hidden: true, from: bob.client.address, reactions: [{ emoji: '👍', by: [alice.client.account] }] })
    expect(messages[3]).toMatchObject({ replyTo: messages[2]?.['message'] })
    expect(messages[4]).toMatchObject({ files: [{ name: 'note.txt', type: 'text/plain', bytes: 18 }] })
    const content = lines.filter(({ type }) => type === 'file').map((line) => Buffer.from(typeof line['content'] === 'string' ? line['content'] : '', 'base64').toString())
    expect(content.join('')).toBe('what the note says')
    expect(lines.find(({ draft }) => draft !== undefined)).toMatchObject({ type: 'conversation', draft: 'not yet', with: bob.client.address })
    expect(lines.find(({ type, name }) => type === 'contact' && name === 'Bob')).toMatchObject({ account: bob.client.account })
    expect(lines.find(({ type }) => type === 'balance')).toMatchObject({ asset: FAKE_ASSET, held: '5' })
    expect(lines.find(({ type }) => type === 'pending_payment')).toMatchObject({ amount: '1000', note: 'rent', state: 'refused', code: 'wallet.insufficient_funds' })
    // Looked at before the server was asked what became of it.
    expect(lines.find(({ type }) => type === 'unanswered_withdrawal')).toMatchObject({ withdrawal: 'out-1', asset: FAKE_ASSET, amount: '2', to: testWallet('alice').address })
    const [entry] = lines.filter(({ type }) => type === 'account_log').map((line) => decodeEntry(Uint8Array.from(Buffer.from(String(line['entry']), 'base64'))))
    expect(entry).toMatchObject({ kind: 'device.add', seq: 1, account: alice.client.account })
  })

  it('holds no byte of a key, a token or a link', async () => {
    const { alice } = await lived()
    const text = JSON.stringify(await exported(alice, { files: true }))
    const { identity, signing } = alice.core.core.keys
    const [channel] = await alice.client.channels()
    const message = (await (await alice.client.conversations())[0]?.history())?.find(({ files }) => files !== undefined)
    const fileKey = message?.files?.[0]?.key ?? new Uint8Array(0)
    for (const key of [identity.privateKey, signing.privateKey, fileKey]) {
      expect(key.length).toBeGreaterThanOrEqual(32)
      for (const form of [hexOf(key.subarray(0, 24)), Buffer.from(key.subarray(0, 24)).toString('base64'), Buffer.from(key.subarray(0, 24)).toString('base64url')]) expect(text).not.toContain(form)
    }
    expect(channel?.link.length).toBeGreaterThan(20)
    expect(text).not.toContain(channel?.link)
    for (const table of ['sessions', 'prekeys'] as const) {
      for (const { value } of await alice.store.list(table, { limit: 1_000 })) {
        if (value.length >= 64) expect(text).not.toContain(Buffer.from(value.subarray(33, 57)).toString('base64'))
      }
    }
  })

  it('names what the server does not answer, and what is there no more', async () => {
    const { alice, blobs } = await lived()
    blobs.held.clear()
    alice.link.down()
    const gone = new EvegramError('unavailable.server', { operation: 'ask' })
    alice.core.core.auth.logPage = () => Promise.reject(gone)
    blobs.backups = () => Promise.reject(gone)
    const lines = await exported(alice, { files: true })
    expect(lines.filter(({ type }) => type === 'not_included').map(({ what, code }) => [what, code])).toEqual([
      ['account_log', 'unavailable.server'], ['devices', 'unavailable.server'], ['wallets', 'unavailable.server'], ['file', 'not_found.resource'], ['backups', 'unavailable.server'],
    ])
    expect(lines.filter(({ type }) => type === 'message')).toHaveLength(6)
    expect(lines.at(-1)).toMatchObject({ type: 'end', lines: lines.length })
  })

  it('has all notices, however many there are, each once and in their order', async () => {
    const { alice: { core, client } } = await scene()
    // More than two pages of them.
    const numbers = Array.from({ length: 1_201 }, (_, at) => at + 1)
    for (const number of numbers) {
      const notice: AccountNotice = {
        v: 1, account: client.account, source: '5e'.repeat(16), number, atMs: 1_790_000_000_000 + number, kind: 'deposit_credited', asset: FAKE_ASSET, amount: '5', transfer: `d:${String(number)}`, signature: new Uint8Array(64),
      }
      await core.core.local.write(async (tx) => { await addNotice(tx, notice, encodeAccountNotice(notice), 0) })
    }
    const lines = (await exported({ client })).filter(({ type }) => type === 'notice')
    expect(lines.map(({ transfer }) => transfer)).toEqual(numbers.map((number) => `d:${String(number)}`))
  })

  it('is read no faster than it is asked for, tells how far it is, and ends when somebody says so', async () => {
    const { alice, bob } = await scene()
    const talk = await alice.client.conversation(bob.client.account)
    for (let number = 0; number < 250; number++) await talk.send(`message ${String(number)}`)
    await rest()
    const steps: ExportProgress[] = []
    const stop = new AbortController()
    const reader = alice.client.exportData({ signal: stop.signal, onProgress: (step) => { steps.push(step) } }).getReader()
    for (let line = 0; line < 120; line++) await reader.read()
    expect(steps.map(({ lines }) => lines)).toEqual([100])
    expect(steps[0]?.bytes).toBeGreaterThan(10_000)
    stop.abort(new Error('enough'))
    await expect((async () => { for (;;) if ((await reader.read()).done) return })()).rejects.toThrow('enough')
  })
})
