import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isEvegramError } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TerradProgram } from './program.js'

describe('the program of a node', () => {
  let folder: string
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'evegram-program-')) })
  afterEach(() => { rmSync(folder, { recursive: true, force: true }) })
  /** A program in its place, for which `script` answers. */
  function program(script: string): TerradProgram {
    const path = join(folder, 'terrad')
    writeFileSync(path, `#!/bin/sh\n${script}\n`)
    chmodSync(path, 0o755)
    return new TerradProgram(path, folder)
  }

  it('has the commands for a first state at the top or below genesis, as its release has them', async () => {
    expect(await program('echo "Error: unknown command" >&2; exit 1').genesisCommand()).toEqual([])
    expect(await program('echo "Usage: terrad [command]"').genesisCommand()).toEqual([])
    expect(await program('echo "Usage:\n  terrad genesis [flags]\n  terrad genesis [command]\n\nAvailable Commands:\n  collect-gentxs"').genesisCommand()).toEqual(['genesis'])
  })

  it('says its release on either stream', async () => {
    expect(await program('echo 0.5.20 >&2').version()).toBe('0.5.20')
    expect(await program('echo 3.4.3').version()).toBe('3.4.3')
  })

  it('works in its folder, and says why it did not do something', async () => {
    expect(await program('echo "$@"').run('init', 'local')).toBe(`init local --home ${folder}\n`)
    await expect(program('echo "cannot do that" >&2; exit 3').run('init')).rejects.toSatisfy((error) => isEvegramError(error, 'invalid.config') && error.message.includes('cannot do that'))
    await expect(new TerradProgram(join(folder, 'none'), folder).run('init')).rejects.toSatisfy((error) => isEvegramError(error, 'invalid.config'))
  })
})
