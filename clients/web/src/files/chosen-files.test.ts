import { LIMITS } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { chooseFiles } from './chosen-files.js'

const file = (name: string, size = 1): { name: string; size: number } => ({ name, size })

describe('files that somebody chose', () => {
  it('are taken up to what a message may have, with those from before', () => {
    const many = Array.from({ length: LIMITS.filesPerMessageMax }, (_, at) => file(String(at)))
    expect(chooseFiles([file('a')], many)).toEqual({ files: [file('a'), ...many.slice(0, -1)], refused: [{ name: String(LIMITS.filesPerMessageMax - 1), reason: 'too_many' }] })
  })

  it('are refused by name where they are too large or empty; the others stay', () => {
    expect(chooseFiles([], [file('film', LIMITS.fileBytesMax + 1), file('ok', LIMITS.fileBytesMax), file('folder', 0)])).toEqual({
      files: [file('ok', LIMITS.fileBytesMax)], refused: [{ name: 'film', reason: 'too_large' }, { name: 'folder', reason: 'empty' }],
    })
  })
})
