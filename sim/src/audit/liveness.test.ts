import { describe, expect, it } from 'vitest'
import { A1, A2, ALICE, B1, messageRow, outboxRow, Scene, stateOf } from './testing/scene.js'

describe('liveness', () => {
  it('is quiet when everything is stored and shown', () => {
    const scene = new Scene()
    const said = scene.say('§evg-1§')
    scene.deliver(said)
    scene.show(B1, said)
    expect(scene.auditor.quiet()).toEqual({ ok: true })
    expect(scene.run.violation).toBeUndefined()
  })

  it('names what is not sent, and what is not shown', () => {
    const scene = new Scene()
    const said = scene.say('§evg-1§')
    expect(scene.auditor.quiet()).toMatchObject({ ok: false, missing: expect.stringContaining('alice-1 waits to send message') as string })
    scene.deliver(said)
    expect(scene.auditor.quiet()).toMatchObject({ ok: false, missing: expect.stringContaining('bob-1 does not show message') as string })
    scene.auditor.committed('bob-1', [outboxRow(said.message.messageId, said.envelope, 9, 2)])
    expect(scene.auditor.quiet()).toMatchObject({ ok: false, missing: expect.stringContaining('bob-1 waits to send control') as string })
  })

  it('names a message that was given up', () => {
    const scene = new Scene()
    const said = scene.say('§evg-1§')
    const waiting = outboxRow(said.message.messageId, said.envelope, 1)
    scene.auditor.committed('alice-1', [messageRow({ ...said.message, state: 'failed' }), { ...waiting, value: undefined }])
    expect(scene.auditor.quiet()).toMatchObject({ ok: false, missing: expect.stringContaining('it is failed') as string })
  })

  it('waits for a device without a body that was active for longer than a lease', async () => {
    const scene = new Scene()
    scene.auditor.deviceMade('alice-2', ALICE, A2)
    scene.auditor.entryStored(stateOf(ALICE, 2, { [A1]: true, [A2]: true }))
    await scene.go(3_000)
    const said = scene.say('§evg-1§')
    scene.deliver(said, undefined, 2)
    scene.show(B1, said)
    expect(scene.auditor.quiet()).toMatchObject({ ok: false, missing: expect.stringContaining('alice-2') as string })
    scene.auditor.diskLost('alice-2')
    expect(scene.auditor.quiet()).toEqual({ ok: true })
  })

  it('expects nothing of a sender that was revoked before it could send', () => {
    const scene = new Scene()
    scene.say('§evg-1§')
    scene.auditor.entryStored(stateOf(ALICE, 2, { [A1]: false }))
    expect(scene.auditor.quiet()).toEqual({ ok: true })
  })
})
