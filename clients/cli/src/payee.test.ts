import { EvegramError, type ErrorCode } from '@evegram/protocol'
import type { Client, Conversation } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { payee } from './payee.js'

/** A client with a group called `gate`, for which every address but `UQbob` fails so. */
function client(code: ErrorCode): Client {
  // payee asks for nothing else.
  return {
    conversation: (address: string) => address === 'UQbob' ? Promise.resolve({ id: 'bob' } as unknown as Conversation) : Promise.reject(new EvegramError(code)),
    groups: () => Promise.resolve([{ id: '3f0a91ff', name: () => Promise.resolve('gate') }]),
  } as unknown as Client
}

describe('who gets money', () => {
  it('is the person of an address', async () => {
    expect(await payee(client('invalid.address'), 'UQbob')).toEqual({ id: 'bob' })
  })

  it('is no group: what to do instead is said', async () => {
    for (const group of ['gate', '3f0a91']) {
      await expect(payee(client('invalid.address'), group)).rejects.toMatchObject({ code: 'invalid.argument', advice: expect.stringContaining('group members') as unknown })
    }
  })

  it('is nobody for what names neither, and of a server that does not answer nothing is guessed', async () => {
    await expect(payee(client('invalid.address'), 'nobody')).rejects.toMatchObject({ code: 'invalid.address' })
    await expect(payee(client('unavailable.server'), 'gate')).rejects.toMatchObject({ code: 'unavailable.server' })
  })
})
