import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findScenario } from './find-scenario.js'

const SCENARIO = `export default { name: 'own', summary: 's', clients: 2, clientsMin: 2, ratePerSecond: 1, payloadBytes: 30, cast: (clients) => ({ clients, conversations: [] }) }`

describe('a scenario', () => {
  let folder = ''
  beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'evegram-scenario-')) })
  afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

  it('is found by its name', async () => {
    expect((await findScenario('fan-out')).name).toBe('fan-out')
  })

  it.each(['own.mjs', 'own.ts', 'own.mts'])('is found by its path: %s', async (name) => {
    writeFileSync(join(folder, name), name.endsWith('ts') ? SCENARIO.replace('(clients)', '(clients: number)') : SCENARIO)
    const scenario = await findScenario(join(folder, name))
    expect([scenario.name, scenario.cast(2)]).toEqual(['own', { clients: 2, conversations: [] }])
  })

  it('is refused when there is none, or its file exports something else', async () => {
    await expect(findScenario('nothing')).rejects.toThrow(/one-to-one/)
    writeFileSync(join(folder, 'else.mjs'), 'export default { name: 5 }')
    await expect(findScenario(join(folder, 'else.mjs'))).rejects.toThrow(/default export/)
  })
})
