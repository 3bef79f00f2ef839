import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const MODULE = fileURLToPath(new URL('young-objects.ts', import.meta.url))

describe('keepObjectsYoung', () => {
  it('sets a flag that this version of Node knows', () => {
    // V8 complains about flags that it does not know on stderr, and goes on.
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', `import { keepObjectsYoung } from ${JSON.stringify(MODULE)}; keepObjectsYoung()`], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})
