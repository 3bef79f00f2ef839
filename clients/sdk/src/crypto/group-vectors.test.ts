import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { bytesOfHex, hexOf, parseConversationId, parseDeviceId, textOf, utf8 } from '@evegram/protocol'
import { nodePrimitives } from '../node/signal-primitives.js'
import { GroupCiphers } from './group-cipher.js'
import { portablePrimitives, synchronousPrimitives } from './primitives.js'
import { SeededRandom } from './seeded-random.js'
import { messageKeyOf, nextPlace, seedAt, type ChainPlace } from './sender-key-chain.js'
import { parseDistribution, parseSenderKeyMessage, senderKeyMessageToSign } from './sender-key-message.js'
import { encodeOwnSenderKey } from './sender-key-rows.js'
import { loadSignal } from './load-signal.js'
import { MemorySignalState, SIGNAL_KEYS } from './stores.js'

const folder = process.env['EVEGRAM_VECTORS'] ?? fileURLToPath(new URL('../../../../../shared/vectors', import.meta.url))
const file = `${folder}/sender-keys.json`
const present = existsSync(file)

interface Vectors {
  readonly groups: readonly {
    readonly distribution_id: string
    readonly distribution_message: string
    readonly messages: readonly { readonly plaintext_utf8: string; readonly message: string }[]
  }[]
}

const CONVERSATION = parseConversationId('c'.repeat(32))
const SENDER = parseDeviceId('5'.repeat(32))
const VERSION = 7

/** Reads all messages of one sender, in the order of `order`, committing after each. */
async function readAll(
  ciphers: GroupCiphers, distribution: Uint8Array, messages: readonly Uint8Array[], order: readonly number[],
): Promise<(string | undefined)[]> {
  const state = new MemorySignalState()
  const accepted = await ciphers.accept(CONVERSATION, SENDER, VERSION, distribution, state)
  if (accepted.status !== 'accepted') throw new Error(accepted.status)
  state.commit(accepted.changes)
  const texts: (string | undefined)[] = messages.map(() => undefined)
  for (const index of order) {
    const outcome = await ciphers.decrypt(CONVERSATION, SENDER, messages[index] ?? new Uint8Array(0), state)
    if (outcome.status !== 'decrypted') throw new Error(`message ${String(index)}: ${outcome.status}`)
    expect(outcome.membershipVersion).toBe(VERSION)
    state.commit(outcome.changes)
    texts[index] = textOf(outcome.plaintext)
  }
  return texts
}

const forwards = (length: number): number[] => Array.from({ length }, (_, index) => index)

describe.skipIf(!present)('the vectors of the official library', () => {
  const { groups }: Vectors = present ? (JSON.parse(readFileSync(file, 'utf8')) as Vectors) : { groups: [] }

  for (const primitives of [synchronousPrimitives, portablePrimitives, nodePrimitives]) {
    it.each(groups)(`are read, forwards and backwards: $distribution_id (${primitives.name})`, async (group) => {
      const ciphers = new GroupCiphers({ signal: await loadSignal({ random: new SeededRandom('reader'), primitives }), random: new SeededRandom('reader') })
      const distribution = bytesOfHex(group.distribution_message)
      const messages = group.messages.map(({ message }) => bytesOfHex(message))
      const expected = group.messages.map(({ plaintext_utf8: text }) => text)
      const order = forwards(messages.length)
      expect(await readAll(ciphers, distribution, messages, order)).toEqual(expected)
      expect(await readAll(ciphers, distribution, messages, [...order].reverse())).toEqual(expected)
    })
  }

  it.each(groups)('name their distribution as a UUID, and our writer gives every byte before the signature: $distribution_id', async (group) => {
    const parsed = parseDistribution(bytesOfHex(group.distribution_message))
    expect(hexOf(parsed.distribution)).toBe(group.distribution_id.replaceAll('-', ''))
    let place: ChainPlace = parsed
    for (const { plaintext_utf8: text, message } of group.messages) {
      const theirs = parseSenderKeyMessage(bytesOfHex(message))
      while (place.iteration < theirs.iteration) place = await nextPlace(synchronousPrimitives, place)
      const { iv, key } = await messageKeyOf(synchronousPrimitives, await seedAt(synchronousPrimitives, place))
      const ciphertext = await synchronousPrimitives.aesEncrypt(key, iv, utf8(text))
      expect(hexOf(senderKeyMessageToSign({ ...parsed, iteration: theirs.iteration, ciphertext }))).toBe(hexOf(theirs.signed))
    }
  })

  it.each(groups)('go on in our hands: what we encrypt on their chain differs from theirs in the signature alone: $distribution_id', async (group) => {
    const signal = await loadSignal({ random: new SeededRandom('writer'), primitives: synchronousPrimitives })
    const ciphers = new GroupCiphers({ signal, random: new SeededRandom('writer') })
    const state = new MemorySignalState()
    const signing = await signal.generateKeyPair()
    const own = { ...parseDistribution(bytesOfHex(group.distribution_message)), signing, membershipVersion: VERSION, createdAtMs: 0 }
    state.commit({ puts: new Map([[SIGNAL_KEYS.ownSenderKey(CONVERSATION), encodeOwnSenderKey(own)]]), deletes: new Set() })
    for (const { plaintext_utf8: text, message } of group.messages) {
      const outcome = await ciphers.encrypt(CONVERSATION, utf8(text), state)
      if (outcome.status !== 'encrypted') throw new Error(outcome.status)
      state.commit(outcome.changes)
      expect(hexOf(outcome.bytes.slice(0, -64))).toBe(message.slice(0, -128))
      expect(await signal.verify(signing.publicKey, outcome.bytes.slice(0, -64), outcome.bytes.slice(-64))).toBe(true)
    }
  })
})

describe.skipIf(present)('the vectors of the official library are NOT HERE', () => {
  it('so only the own vectors below were run: set EVEGRAM_VECTORS to the folder that holds sender-keys.json', () => {
    expect(present).toBe(false)
  })
})

describe('the own sender-key vectors', () => {
  it('are what a seeded sender writes: protocol/vectors/sender-keys.json', async () => {
    const random = new SeededRandom('vectors/sender key')
    const signal = await loadSignal({ random, primitives: synchronousPrimitives })
    const ciphers = new GroupCiphers({ signal, random })
    const state = new MemorySignalState()
    const { distribution, changes } = await ciphers.prepare({ conversation: CONVERSATION, membershipVersion: VERSION, devices: [] }, state, 0)
    state.commit(changes)
    const texts = ['', 'a', 'fifteen letters', 'sixteen letters.', 'ünïcødé 🐙', 'x'.repeat(200)]
    const messages: { plaintext: string; message: string }[] = []
    for (const text of texts) {
      const outcome = await ciphers.encrypt(CONVERSATION, utf8(text), state)
      if (outcome.status !== 'encrypted') throw new Error(outcome.status)
      state.commit(outcome.changes)
      messages.push({ plaintext: hexOf(utf8(text)), message: hexOf(outcome.bytes) })
    }
    const bytes = messages.map(({ message }) => bytesOfHex(message))
    expect(await readAll(ciphers, distribution, bytes, forwards(bytes.length).reverse())).toEqual(texts)
    const vectors = {
      note: 'What a sender gives to its group, and messages for all holders, iterations 0, 1, …: libsignal SenderKeyDistributionMessage and SenderKeyMessage, version 3.',
      distribution: hexOf(distribution), messages,
    }
    await expect(`${JSON.stringify(vectors, undefined, 2)}\n`).toMatchFileSnapshot('../../../../protocol/vectors/sender-keys.json')
  })
})
