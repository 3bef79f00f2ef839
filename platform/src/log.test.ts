import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { createLogger, REDACTED_FIELDS, type LogLevel } from './log.js'
import { createMetrics } from './metrics.js'

function capture(level: LogLevel): { readonly lines: string[]; readonly log: ReturnType<typeof createLogger> } {
  const lines: string[] = []
  return { lines, log: createLogger({ level, name: 'test', to: { write: (line) => { lines.push(line) } } }) }
}

describe('createLogger', () => {
  it('replaces what must not be written, at the top and inside', () => {
    const { lines, log } = capture('debug')
    for (const field of REDACTED_FIELDS) {
      log.info({ [field]: 'precious', request: { [field]: 'precious', deeper: { [field]: 'precious' } } }, 'said')
    }
    expect(lines).toHaveLength(REDACTED_FIELDS.length)
    expect(lines.join('')).not.toContain('precious')
    expect(lines.join('')).toContain('[redacted]')
  })

  it('writes code, operation and causes of a failure, and the fields of a child', () => {
    const { lines, log } = capture('warn')
    const failure = new EvegramError('unavailable.store', { operation: 'append entry', cause: new Error('disk full') })
    log.child({ node: 'a' }).error({ err: failure }, 'failed')
    log.info({}, 'too quiet to be heard')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'error', name: 'test', node: 'a', msg: 'failed', err: {
        code: 'unavailable.store', operation: 'append entry', cause: { message: 'disk full' },
      },
    })
  })
})

describe('a log file', () => {
  it('is made for its owner alone and appended to', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'evegram-log-'))
    try {
      const file = join(folder, 'deeper', 'server.log')
      for (const message of ['one', 'two']) createLogger({ level: 'info', name: 'test', to: { file } }).info({}, message)
      expect((await stat(file)).mode & 0o777).toBe(0o600)
      expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(2)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})

describe('createMetrics', () => {
  it('prints counters, gauges and histograms under the prefix, each name once', async () => {
    const metrics = createMetrics({ prefix: 'test_' })
    metrics.counter({ name: 'sent_total', help: 'Sent', labels: ['kind'] }).with({ kind: 'a' }).add(2)
    metrics.counter({ name: 'sent_total', help: 'Sent', labels: ['kind'] }).add(1, { kind: 'a' })
    metrics.gauge({ name: 'open', help: 'Open', read: () => 7 })
    metrics.histogram({ name: 'took_ms', help: 'Took', buckets: [1, 10] }).observe(5)
    const text = await metrics.text()
    expect(text).toContain('test_sent_total{kind="a"} 3')
    expect(text).toContain('test_open 7')
    expect(text).toContain('test_took_ms_bucket{le="10"} 1')
    expect(text).toContain('test_took_ms_bucket{le="1"} 0')
  })
})
