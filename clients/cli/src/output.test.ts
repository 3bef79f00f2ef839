import { EvegramError } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Output } from './output.js'

describe('output', () => {
  let stderr: string[]
  const wasTerminal = process.stdout.isTTY
  beforeEach(() => {
    stderr = []
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      stderr.push(String(text))
      return true
    })
  })
  afterEach(() => {
    vi.restoreAllMocks()
    process.stdout.isTTY = wasTerminal
  })

  it('is coloured on a terminal only, and never against NO_COLOR or for machines', () => {
    process.stdout.isTTY = true
    expect(new Output(false, {}).paint('red', 'x')).toContain('\u001b[31m')
    expect(new Output(false, { NO_COLOR: '' }).paint('red', 'x')).toContain('\u001b[31m')
    expect(new Output(false, { NO_COLOR: '1' }).paint('red', 'x')).toBe('x')
    expect(new Output(true, {}).paint('red', 'x')).toBe('x')
    process.stdout.isTTY = false
    expect(new Output(false, {}).paint('red', 'x')).toBe('x')
  })

  it('tells a person what to do, and a machine the code with its details', () => {
    const error = new EvegramError('conflict.profile_in_use', { details: { pid: 42 }, cause: new Error('inner') })
    new Output(false, {}).failure(error)
    expect(stderr.join('')).toBe('error Another process uses this profile: stop it or use another profile. (conflict.profile_in_use) [process 42]\n')
    stderr.length = 0
    new Output(true, {}).failure(error)
    expect(JSON.parse(stderr.join(''))).toEqual({ error: { code: 'conflict.profile_in_use', message: error.advice, details: { pid: 42 } } })
  })

  it('hides remarks from machines and warnings from nobody', () => {
    new Output(true, {}).note('for people')
    new Output(true, {}).warning({ code: 'gap' }, 'something is missing')
    expect(stderr).toEqual(['{"warning":{"code":"gap"}}\n'])
  })

  it('prints JSON in which nothing moves the cursor, and that reads as what it was', async () => {
    const stdout: string[] = []
    vi.spyOn(process.stdout, 'write').mockImplementation((text, second) => {
      stdout.push(String(text))
      // The types have one of the two forms of `write`: this is called in the other one.
      const done: unknown = second
      if (typeof done === 'function') Reflect.apply(done, undefined, [])
      return true
    })
    // CSI in one character, DEL, a mark and an override of direction: JSON leaves them as they are.
    const object = { text: 'a\u009b2J\u007f\u061c\u202eb\u2028\n\u001b[H' }
    await new Output(true, {}).result(object, '')
    new Output(true, {}).warning(object, '')
    for (const line of [...stdout, ...stderr]) expect(line).toMatch(/^[\x20-\x7e]*\n$/)
    expect([stdout, stderr].map((lines): unknown => JSON.parse(lines.join('')))).toEqual([object, { warning: object }])
  })

  it('shows control characters of a foreign text instead of obeying them', () => {
    new Output(false, {}).failure(new EvegramError('invalid.response', { advice: 'fine\u001b[2J\r' }))
    expect(stderr.join('')).toContain('fine\\u001b[2J\\u000d')
  })
})
