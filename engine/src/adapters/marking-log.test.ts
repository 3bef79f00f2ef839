import { EvegramError, isEvegramError } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { describeEnvelopeLog } from '../ports/envelope-log.contract.js'
import { MARK_HOUR_MS } from '../ports/marks.js'
import { describeMarks } from '../ports/marks.contract.js'
import { sampleAccount, sampleConversation, sampleEnvelope } from '../ports/sample-envelope.contract.js'
import { MarkingLog, type EnvelopeRows, type MarkRows } from './marking-log.js'
import { MemoryEnvelopeLog } from './memory/envelope-log.js'
import { MemoryMarks } from './memory/marks.js'

function overMemory(): { log: MarkingLog; marks: MemoryMarks } {
  const memory = new MemoryEnvelopeLog({ answersExists: false })
  const marks = new MemoryMarks()
  const rows: EnvelopeRows = {
    append: async (request) => { await memory.append(request, []) },
    read: (conversation, after, limit) => memory.read(conversation, after, limit),
    trim: (beforeMs) => memory.trim(beforeMs),
  }
  return { log: new MarkingLog({ rows, marks: { mark: async (account, conversation, hour) => { marks.mark([account], conversation, hour * MARK_HOUR_MS) } } }), marks }
}
const close = async (): Promise<void> => undefined

describeEnvelopeLog({ name: 'marking log', gaps: ['exists', 'reopen'], setup: async () => ({ log: overMemory().log, close }) })
describeMarks({ name: 'marking log', setup: async () => ({ ...overMemory(), close }) })

interface Write {
  readonly what: string
  succeed(): void
  fail(): void
}

/** Lets the promise reactions that are ready run. */
const drain = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

describe('MarkingLog', () => {
  const HOUR = 490_000
  const one = sampleConversation(1)
  const [alice, bob] = [sampleAccount(1), sampleAccount(2)]
  let writes: Write[]
  let log: MarkingLog
  let number: number

  const pending = (what: string): Promise<void> => new Promise((resolve, reject) => {
    writes.push({ what, succeed: resolve, fail: () => { reject(new EvegramError('unavailable.envelope_log', { operation: what })) } })
  })
  const rows: EnvelopeRows = { append: () => pending('row'), read: async () => [], trim: async () => 0 }
  const marks: MarkRows = { mark: (account, _conversation, hour) => pending(`mark ${account === alice ? 'alice' : 'bob'} ${hour - HOUR}`) }
  const append = (accounts: readonly string[], hour = HOUR): { state: string } => {
    const outcome = { state: 'waiting' }
    const position = { timeMs: hour * MARK_HOUR_MS + 5, incarnation: 1, counter: number++ }
    log.append({ conversation: one, envelope: sampleEnvelope({ conversation: one, number }), position }, accounts).then(
      ({ status }) => { outcome.state = status },
      (failure: unknown) => { outcome.state = isEvegramError(failure, 'unavailable.envelope_log') ? 'refused' : 'broken' },
    )
    return outcome
  }
  /** Ends the oldest write of that name. */
  const end = async (what: string, how: 'succeed' | 'fail' = 'succeed'): Promise<void> => {
    const index = writes.findIndex((write) => write.what === what)
    writes.splice(index, 1)[0]?.[how]()
    await drain()
  }
  const names = (): string[] => writes.map(({ what }) => what)

  beforeEach(() => {
    writes = []
    number = 0
    log = new MarkingLog({ rows, marks, rememberedMax: 3 })
  })

  it('writes row and marks at the same time and resolves when all of them are durable', async () => {
    const outcome = append([alice, bob])
    expect(names()).toEqual(['row', 'mark alice 0', 'mark bob 0'])
    await end('row')
    await end('mark alice 0')
    expect(outcome.state).toBe('waiting')
    await end('mark bob 0')
    expect(outcome.state).toBe('stored')
  })

  it('does not resolve with marks alone', async () => {
    const outcome = append([alice])
    await end('mark alice 0')
    expect(outcome.state).toBe('waiting')
  })

  it('writes what is marked in this hour once, and again in the next', async () => {
    append([alice])
    await end('row')
    await end('mark alice 0')
    const second = append([alice])
    expect(names()).toEqual(['row'])
    await end('row')
    expect(second.state).toBe('stored')
    append([alice], HOUR + 1)
    expect(names()).toEqual(['row', 'mark alice 1'])
  })

  it('waits for a mark that another append is writing', async () => {
    append([alice])
    const second = append([alice])
    expect(names()).toEqual(['row', 'mark alice 0', 'row'])
    await end('row')
    await end('row')
    expect(second.state).toBe('waiting')
    await end('mark alice 0')
    expect(second.state).toBe('stored')
  })

  it('fails with its mark, whoever was writing it, and writes it again the next time', async () => {
    const [first, second] = [append([alice]), append([alice])]
    await end('row')
    await end('row')
    await end('mark alice 0', 'fail')
    expect([first.state, second.state]).toEqual(['refused', 'refused'])
    const third = append([alice])
    expect(names()).toEqual(['row', 'mark alice 0'])
    await end('row')
    expect(third.state).toBe('waiting')
  })

  it('fails with its row, and remembers the mark all the same', async () => {
    const first = append([alice])
    await end('mark alice 0')
    await end('row', 'fail')
    expect(first.state).toBe('refused')
    append([alice])
    expect(names()).toEqual(['row'])
  })

  it('remembers a bounded number of marks, the youngest', async () => {
    for (const hour of [0, 1, 2, 3]) {
      append([alice], HOUR + hour)
      await end('row')
      await end(`mark alice ${hour}`)
    }
    append([alice], HOUR + 3)
    expect(names()).toEqual(['row'])
    append([alice], HOUR)
    expect(names()).toEqual(['row', 'row', 'mark alice 0'])
  })
})
