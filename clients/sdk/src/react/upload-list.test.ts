import { EvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import type { Client } from '../client.js'
import type { WaitingUpload } from '../files/file-uploads.js'
import type { UploadEvent } from '../files/upload-event.js'
import { UploadList } from './upload-list.js'

const settle = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 0) })

/** Uploads of a client, and its events. */
function uploading(...names: string[]): { client: Pick<Client, 'on' | 'uploads'>; waiting: WaitingUpload[]; tell: (upload: string, state: UploadEvent['state'], doneBytes: number, error?: EvegramError) => void } {
  // Only what the list looks at.
  const of = (upload: string): WaitingUpload => ({ upload, conversation: 'c', text: '', files: [], progress: { doneBytes: 0, totalBytes: 10 } }) as unknown as WaitingUpload
  const waiting = names.map(of)
  let listener: (event: UploadEvent) => void = () => undefined
  const client = { on: (_name: string, told: (event: UploadEvent) => void) => { listener = told; return () => undefined }, uploads: async () => [...waiting] } as unknown as Pick<Client, 'on' | 'uploads'>
  return { client, waiting, tell: (upload, state, doneBytes, error) => { listener({ ...of(upload), state, progress: { doneBytes, totalBytes: 10 }, ...(error === undefined ? {} : { error }) }) } }
}

describe('the list of files on their way', () => {
  const shown = (list: UploadList): string[] => list.getSnapshot().map(({ upload, progress, error }) => `${upload} ${String(progress.doneBytes)}${error === undefined ? '' : ` ${error.code}`}`)

  it('begins with what an earlier run left, and follows each to its end', async () => {
    const { client, tell } = uploading('a', 'b')
    const list = new UploadList(client)
    list.subscribe(() => undefined)
    await settle()
    tell('a', 'sending', 4)
    expect(shown(list)).toEqual(['a 4', 'b 0'])
    tell('a', 'sent', 10)
    expect(shown(list)).toEqual(['b 0'])
  })

  it('shows one that another tab began', async () => {
    const { client, waiting, tell } = uploading('a')
    const list = new UploadList(client)
    list.subscribe(() => undefined)
    await settle()
    waiting.push({ ...waiting[0], upload: 'b' } as WaitingUpload)
    tell('b', 'sending', 1)
    await settle()
    expect(shown(list)).toEqual(['a 0', 'b 0'])
  })

  it('shows one that failed, with how far it came, until it is dismissed', async () => {
    const { client, waiting, tell } = uploading('a')
    const list = new UploadList(client)
    list.subscribe(() => undefined)
    await settle()
    tell('a', 'sending', 7)
    waiting.length = 0
    tell('a', 'failed', 0, new EvegramError('limited.files', { operation: 'send files' }))
    await list.refresh()
    expect(shown(list)).toEqual(['a 7 limited.files'])
    list.dismiss('a')
    expect(shown(list)).toEqual([])
  })
})
