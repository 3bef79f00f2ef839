import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isEvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { sealFinal } from './seal-final.js'

const SOURCES = fileURLToPath(new URL('..', import.meta.url))
const OF_A_CHAIN = /^chain\/[a-z]+\/[^/]+\.ts$/

describe('final facts', () => {
  it('are made of blocks that are final, and of no others', () => {
    expect(sealFinal({ height: 7 }, { final: 7 })).toEqual({ height: 7 })
    expect(() => sealFinal({ height: 8 }, { final: 7 })).toThrow(expect.toSatisfy((error) => isEvegramError(error, 'internal')))
  })

  it('are made in the folders of the chains alone', () => {
    const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    const makers = files.filter((file) => /from '[./a-z-]*seal-final\.js'/.test(readFileSync(`${SOURCES}/${file}`, 'utf8')))
    expect(makers).toContain('chain/simulated/adapter.ts')
    expect(makers.filter((file) => !OF_A_CHAIN.test(file))).toEqual([])
  })
})
