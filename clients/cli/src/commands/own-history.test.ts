import type { Client, HistoryStatus } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { handedOver } from './own-history.js'

const ASKED: HistoryStatus = { state: 'asked', devices: 1, codes: [], offers: [], declinedBy: [] }

/** A client whose request is told at the look `toldAt`, and leaves the outbox at `sentAt`. */
function client(toldAt: number, sentAt: number): { readonly looks: () => number; readonly client: Pick<Client, 'pending'> & { readonly history: Pick<Client['history'], 'status'> } } {
  let looks = 0
  return {
    looks: () => looks,
    client: {
      // Before it is told nothing waits in the outbox: that alone says nothing.
      get pending() { return looks >= toldAt && looks < sentAt ? 1 : 0 },
      history: { status: () => Promise.resolve({ ...ASKED, told: ++looks >= toldAt }) },
    },
  }
}

describe('a request for history that is not waited for', () => {
  const going = new AbortController().signal

  it('is over when the server has it: not while it is still to be said, nor while it is on its way', async () => {
    const asked = client(3, 5)
    expect(await handedOver(asked.client, going)).toBe(true)
    expect(asked.looks()).toBe(5)
  })

  it('says so when the server does not take it in time, or the client ends', async () => {
    expect(await handedOver(client(1, Infinity).client, going, 50)).toBe(false)
    expect(await handedOver(client(Infinity, Infinity).client, AbortSignal.abort())).toBe(false)
  })
})
