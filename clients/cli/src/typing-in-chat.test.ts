import { createInterface, type Interface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { parseAccountId, parseConversationId } from '@evegram/protocol'
import type { ClientEvents } from '@evegram/sdk'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CHAT_PROMPT, showTyping, tellTyping } from './typing-in-chat.js'

const conversation = { id: parseConversationId('c'.repeat(32)), peer: { account: parseAccountId('b'.repeat(32)), address: 'terra1qqqqqqqqqqqqqqqqqqqqqq' } }
const typing: ClientEvents['typing'] = { conversation: conversation.id, account: conversation.peer.account, address: conversation.peer.address, typing: true }

let input: PassThrough
let screen: string
let lines: Interface
let tell: (event: ClientEvents['typing']) => void
let listeners: number

const client = {
  on: (_name: string, listener: (event: never) => void): (() => void) => {
    listeners++
    // The one event that is listened to here.
    tell = listener as typeof tell
    return () => { listeners-- }
  },
}
const press = async (keys: string): Promise<void> => {
  input.write(keys)
  await turn()
}

beforeEach(() => {
  input = new PassThrough()
  const output = new PassThrough()
  output.on('data', (bytes: Buffer) => { screen += bytes.toString() })
  lines = createInterface({ input, output, terminal: true, prompt: CHAT_PROMPT })
  screen = ''
  listeners = 0
})
afterEach(() => { lines.close() })

describe('typing of the other side', () => {
  it('stands in the prompt while it lasts, around what is being written here', async () => {
    const end = showTyping(client, conversation, lines, (text) => text)
    await press('half a li')
    screen = ''
    tell(typing)
    await turn()
    expect(screen).toContain('terra1…qqqqqq is typing > half a li')
    screen = ''
    tell({ ...typing, typing: false })
    await turn()
    expect(screen).toContain('> half a li')
    expect(screen).not.toContain('is typing')
    expect([lines.line, listeners]).toEqual(['half a li', 1])
    end()
    expect(listeners).toBe(0)
  })

  it('of other conversations and of own devices is not shown, and no address writes over the terminal', async () => {
    showTyping(client, conversation, lines, (text) => text)
    screen = ''
    tell({ ...typing, conversation: parseConversationId('d'.repeat(32)) })
    tell({ ...typing, account: parseAccountId('a'.repeat(32)) })
    await turn()
    expect(screen).toBe('')
    tell({ ...typing, address: 'a\u001b[2Jb' })
    await turn()
    expect(screen).toContain('a\\u001b[2Jb is typing')
  })
})

describe('own typing', () => {
  it('is told while the line holds something, and ends with an empty line, with enter, and with the chat', async () => {
    const told: boolean[] = []
    const end = tellTyping({ typing: (active) => { told.push(active) } }, input, lines)
    await press('h')
    await press('i')
    await press('\u007f')
    await press('\u007f')
    await press('yes')
    await press('\r')
    expect(told).toEqual([true, true, true, false, true, true, true, false])
    await press('  ')
    expect(told.slice(8)).toEqual([false, false])
    end()
    expect(told.at(-1)).toBe(false)
    const { length } = told
    await press('more')
    expect(told).toHaveLength(length)
  })
})
