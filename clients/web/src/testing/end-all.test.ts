import { describe, expect, it } from 'vitest'
import { endAll } from './end-all.js'

describe('the end of a test', () => {
  it('comes for everything, though something before it fails or was never begun, and tells the first failure', async () => {
    const ended: string[] = []
    const never: { close(): void }[] = []
    await expect(endAll(() => ended.push('first'), () => { never[0]?.close(); throw new Error('never begun') }, async () => { await Promise.resolve(); ended.push('second') }, () => { throw new Error('later') }, () => ended.push('third'))).rejects.toThrow('never begun')
    expect(ended).toEqual(['first', 'second', 'third'])
    await expect(endAll(() => ended.push('fourth'))).resolves.toBeUndefined()
  })
})
