import { parseMessageId } from '@evegram/protocol'
import type { ServerNotice, WalletAsset } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { noticeViews } from './notice-line.js'
import { Output } from './output.js'

const notice: ServerNotice = {
  messageId: parseMessageId('0a'.repeat(16)), kind: 'deposit_credited', asset: 'simulated/play', amount: 5_000_000n, transfer: 'd:simulated:tx1:0', transaction: 'tx1', atMs: 1_790_000_000_000, number: 7,
  receivedAtMs: 1_790_000_000_500, arrival: 1, unread: true,
}
// What the view reads of an asset.
const PLAY = { asset: 'simulated/play', symbol: 'PLAY', decimals: 6 } as WalletAsset

function views(assets: () => Promise<WalletAsset[]>): ReturnType<typeof noticeViews> {
  // The view asks the wallet for its assets and for nothing else.
  return noticeViews({ wallet: { assets } } as unknown as Parameters<typeof noticeViews>[0], new Output(false, { NO_COLOR: '1' }))
}

describe('a notice in the terminal', () => {
  it('is a line of the server, with the amount as people write it', async () => {
    const { text, object } = await views(() => Promise.resolve([PLAY]))(notice, notice.atMs)
    expect(text).toMatch(/server {2}deposit credited: 5 PLAY {2}d:simulated:tx1:0$/)
    expect(object).toEqual({
      notice: 'deposit_credited', at: '2026-09-21T14:13:20.000Z', asset: 'simulated/play', amount: '5000000', decimal: '5', symbol: 'PLAY', transfer: 'd:simulated:tx1:0', transaction: 'tx1', number: 7,
      messageId: '0a'.repeat(16),
    })
  })

  it('is shown while the wallet bridge does not answer, and asks again with the next one', async () => {
    let isAway = true
    const view = views(() => (isAway ? Promise.reject(new Error('away')) : Promise.resolve([PLAY])))
    expect((await view(notice, notice.atMs)).text).toContain('5000000 of the smallest unit of simulated/play')
    isAway = false
    expect((await view(notice, notice.atMs)).text).toContain('5 PLAY')
  })

  it('cannot move the cursor of a terminal', async () => {
    const { text } = await views(() => Promise.resolve([]))({ ...notice, transfer: 'd:\u001b[2J', asset: 'a/\u202eb' }, notice.atMs)
    expect(text).not.toMatch(/[\u0000-\u001f\u202e]/)
  })
})
