import { randomBytes } from 'node:crypto'
import { decodeOpened, directConversationIdOf, encodeOpened, FRAME_TYPE, messageIdOf, resendRequestBytes, type PayloadContent } from '@evegram/protocol'
import { attempt } from '../../attempt.js'
import { honestly, type LyingCase } from '../case.js'
import { Mallory } from '../mallory.js'
import { codeOf, isFor, toldOf, type Person } from '../world.js'

/** A request to send message 1 of `from` again, by Mallory. */
function resendRequest(mallory: Mallory, from: Person, isSigned: boolean): PayloadContent {
  const conversation = directConversationIdOf(mallory.device.account, from.client.account)
  const [ciphertextHash, nonce] = [new Uint8Array(randomBytes(32)), new Uint8Array(randomBytes(16))]
  const message = messageIdOf({ conversation, device: from.client.device, epoch: 1, number: 1 })
  const { account, device, signer } = mallory.device
  const signature = signer.sign(resendRequestBytes({ conversation, message, ciphertextHash, nonce, account, device }))
  return { kind: 'resend_request', body: { epoch: 1, number: 1, ciphertextHash, nonce, signature: isSigned ? signature : new Uint8Array(64) } }
}

/** Lies that other people tell, with the server's help. */
export const SENDER_CASES: readonly LyingCase[] = [
  {
    name: 'resend-forged', claim: 'requests to send again: unsigned, by a stranger, and for the conversation of others',
    async run(world) {
      const [alice, bob, mallory] = [await world.join('alice'), await world.join('bob'), await Mallory.join(world)]
      await world.honest(alice, bob)
      const own = { account: mallory.device.account, device: mallory.device.device }
      const ask = async (content: PayloadContent, deliver: 'honestly' | 'into Alice and Bob'): Promise<string> => {
        const { payload, header } = mallory.compose(alice, own, content)
        const sealed = await mallory.seal(alice, payload)
        const before = alice.told.length
        if (deliver === 'honestly') await mallory.sendHonestly(alice, header, sealed)
        else world.proxy.inject(alice.client.device, mallory.delivery(alice, { ...header, conversation: directConversationIdOf(alice.client.account, bob.client.account) }, sealed))
        return toldOf(alice, 'security', before)
      }
      return [
        await attempt('unsigned', 'security e2ee.resend_refused (signature)', () => ask(resendRequest(mallory, alice, false), 'honestly')),
        await attempt('signed, by somebody whom nothing was sent to', 'security e2ee.resend_refused (not a recipient)', () => ask(resendRequest(mallory, alice, true), 'honestly')),
        await attempt('moved into the conversation of Alice and Bob', 'security e2ee.envelope_mismatch (conversation)', () => ask(resendRequest(mallory, alice, true), 'into Alice and Bob')),
        await honestly(world, alice, bob),
      ]
    },
  },
  {
    name: 'conversation-swapped', claim: 'an opened conversation that is another one',
    async run(world) {
      const [alice, bob, mallory] = [await world.join('alice'), await world.join('bob'), await Mallory.join(world)]
      world.proxy.lie = {
        toClient(frame, link) {
          if (frame.type !== FRAME_TYPE.opened || !isFor(alice, link)) return [frame]
          return [{ ...frame, body: encodeOpened({ ...decodeOpened(frame.body), conversation: directConversationIdOf(alice.client.account, mallory.device.account) }) }]
        },
      }
      const attempts = [await attempt('the message', 'account.mismatch', () => codeOf(world.send(alice, bob, 'into which conversation')))]
      return [...attempts, await honestly(world, alice, bob)]
    },
  },
  {
    name: 'revocation-forged', claim: 'Mallory tells Alice that Bob\'s device was revoked',
    async run(world) {
      const [alice, bob, mallory] = [await world.join('alice'), await world.join('bob'), await Mallory.join(world)]
      await world.honest(alice, bob)
      const own = { account: mallory.device.account, device: mallory.device.device }
      const { payload, header } = mallory.compose(alice, own, {
        kind: 'revocation', body: { account: bob.client.account, device: bob.client.device, seq: 2, head: new Uint8Array(32) },
      })
      const sealed = await mallory.seal(alice, payload)
      const before = alice.told.length
      await mallory.sendHonestly(alice, header, sealed)
      return [
        await attempt('the notice', 'security e2ee.envelope_mismatch (revocation of another account)', () => toldOf(alice, 'security', before)),
        await honestly(world, alice, bob),
      ]
    },
  },
]
