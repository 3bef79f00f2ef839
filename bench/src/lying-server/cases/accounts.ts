import { draftEntry, sealEntry } from '@evegram/protocol'
import { attempt } from '../../attempt.js'
import { honestly, type LyingCase } from '../case.js'
import { addition, extended, proofBy, showing, stateOf, trueLog, truncated } from '../forge-log.js'
import { Mallory } from '../mallory.js'
import { codeOf, shows, toldOf, type Person, type World } from '../world.js'

/** Two people who have written to each other, the first with two devices (log of two entries). */
async function acquainted(world: World): Promise<{ readonly alice: Person; readonly alicesPhone: Person; readonly bob: Person }> {
  const alice = await world.join('alice')
  const alicesPhone = await world.join('alice\'s phone', { wallet: alice.wallet })
  const bob = await world.join('bob', { chain: 'ton' })
  await shows(bob, await world.send(alice, bob))
  await shows(alice, await world.send(bob, alice))
  // Bob knows both entries now: the headline of every payload says so.
  await bob.client.verify(alice.wallet.address)
  return { alice, alicesPhone, bob }
}

/** What becomes of a message that is written now. */
async function written(world: World, from: Person, to: Person): Promise<string> {
  const conversation = await from.client.conversation(to.client.account)
  return codeOf(conversation.send(world.text('held back', from, to)))
}

/** Lies about who stands behind an address. */
export const ACCOUNT_CASES: readonly LyingCase[] = [
  {
    name: 'address-answered', claim: 'an address answered with Mallory\'s account, or with nobody',
    async run(world) {
      const [alice, bob, mallory] = [await world.join('alice', { chain: 'terra' }), await world.join('bob'), await Mallory.join(world)]
      world.proxy.lie = showing(await trueLog(world, mallory.device.account), [alice.wallet.walletId])
      const attempts = [
        await attempt('Mallory\'s account', 'account.mismatch', () => codeOf(bob.client.conversation(alice.wallet.address))),
        await attempt('to compare safety numbers', 'account.mismatch', () => codeOf(bob.client.verify(alice.wallet.address))),
      ]
      world.proxy.lie = {}
      await world.honest(alice, bob)
      world.proxy.lie = showing(await trueLog(world, mallory.device.account), [alice.wallet.walletId])
      attempts.push(await attempt('Mallory\'s account, for an address that is known', 'account.mismatch', () => codeOf(bob.client.conversation(alice.wallet.address))))
      return [...attempts, await honestly(world, bob, alice)]
    },
  },
  {
    name: 'forged-link', claim: 'a log of Mallory\'s that links Alice\'s wallet without Alice',
    async run(world) {
      const [alice, bob, mallory] = [await world.join('alice'), await world.join('bob', { chain: 'ton' }), await Mallory.join(world)]
      const log = await trueLog(world, mallory.device.account)
      const state = stateOf(world, log.entries, log.account)
      const { wallet, device } = mallory.device
      const draft = draftEntry(state, 'wallet.link', { wallet: alice.wallet.walletId }, Date.now())
      const founding = await proofBy(world, wallet, state, 'link-wallet', device, alice.wallet.walletId)
      const stranger = await proofBy(world, wallet, state, 'link-wallet', device, wallet.walletId)
      const forged = sealEntry(draft, [founding, { type: 'wallet', proof: { ...stranger.proof, walletId: alice.wallet.walletId } }])
      const alone = sealEntry(draft, [founding])
      world.proxy.lie = showing(extended(log, forged), [alice.wallet.walletId])
      const attempts = [await attempt('signed by Mallory in Alice\'s name', 'account.log_invalid', () => codeOf(bob.client.conversation(alice.wallet.address)))]
      world.proxy.lie = showing(extended(log, alone), [alice.wallet.walletId])
      attempts.push(await attempt('without Alice\'s proof', 'account.log_invalid', () => codeOf(bob.client.conversation(alice.wallet.address))))
      return [...attempts, await honestly(world, bob, alice)]
    },
  },
  {
    name: 'log-truncated', claim: 'a log without its last entry, shown to somebody who has seen it',
    async run(world) {
      const { alice, bob } = await acquainted(world)
      const log = await trueLog(world, alice.client.account)
      world.proxy.lie = showing(truncated(world, log, 1), [alice.wallet.walletId])
      const attempts = [await attempt('asked for the address', 'account.log_rolled_back', () => codeOf(bob.client.verify(alice.wallet.address)))]
      attempts.push(await attempt('a message to Alice meanwhile', 'account.log_rolled_back', () => written(world, bob, alice)))
      world.proxy.lie = {}
      await bob.client.verify(alice.wallet.address)
      return [...attempts, await honestly(world, alice, bob)]
    },
  },
  {
    name: 'log-rolled-back', claim: 'a log that is gone, or begins anew',
    async run(world) {
      const { alice, bob } = await acquainted(world)
      const log = await trueLog(world, alice.client.account)
      const path = `/v1/accounts/${log.account}/log`
      world.proxy.lie = {
        http: (asked, forward) => (asked.path.startsWith(path)
          ? Promise.resolve({ status: 404, json: { error: { code: 'account.not_found', message: 'never heard of it' } } }) : forward()),
      }
      const attempts = [await attempt('nothing there', 'account.log_rolled_back', () => codeOf(bob.client.verify(alice.wallet.address)))]
      world.proxy.lie = showing({ ...log, entries: [], seq: 0, head: new Uint8Array(32) }, [alice.wallet.walletId])
      attempts.push(await attempt('an empty log', 'account.log_rolled_back', () => codeOf(bob.client.verify(alice.wallet.address))))
      world.proxy.lie = showing({ ...log, head: log.head.map((byte) => byte ^ 1) }, [alice.wallet.walletId])
      attempts.push(await attempt('another head of the same age', 'account.log_rolled_back', () => codeOf(bob.client.verify(alice.wallet.address))))
      attempts.push(await attempt('a message to Alice meanwhile', 'account.log_rolled_back', () => written(world, bob, alice)))
      world.proxy.lie = {}
      await bob.client.verify(alice.wallet.address)
      return [...attempts, await honestly(world, bob, alice)]
    },
  },
  {
    name: 'log-forked', claim: 'another second entry, which Alice\'s wallet really signed once, shown to Bob and to a newcomer',
    async run(world) {
      const { alice, bob } = await acquainted(world)
      const log = await trueLog(world, alice.client.account)
      const first = stateOf(world, log.entries.slice(0, 1), log.account)
      const { device: other } = await world.enrolment.enrol(world.enrolment.newWallet('solana'))
      // What a server keeps that swallows an honest entry and answers with an error.
      const fork = await addition(world, first, other.keys, await proofBy(world, alice.wallet, first, 'add-device', other.device))
      const shown = extended(truncated(world, log, 1), fork)
      world.proxy.lie = showing(shown, [alice.wallet.walletId])
      const attempts = [await attempt('to Bob, who knows the true one', 'account.log_rolled_back', () => codeOf(bob.client.verify(alice.wallet.address)))]
      const carol = await world.join('carol', { chain: 'terra' })
      await carol.client.conversation(alice.wallet.address)
      const from = carol.told.length
      const text = world.text('from the true history', alice, carol)
      await (await (await alice.client.conversation(carol.wallet.address)).send(text)).acked
      attempts.push(await attempt('to Carol, who learns of the true one from Alice', 'alarm account.log_rolled_back', () => toldOf(carol, 'alarm', from)))
      world.proxy.lie = {}
      await bob.client.verify(alice.wallet.address)
      return [...attempts, await honestly(world, alice, bob)]
    },
  },
  {
    name: 'log-withheld', claim: 'a new entry that is kept from Bob, while Alice writes from behind it',
    async run(world) {
      const [alice, bob] = [await world.join('alice'), await world.join('bob')]
      await world.honest(alice, bob)
      const log = await trueLog(world, alice.client.account)
      world.proxy.lie = showing(log, [alice.wallet.walletId], bob.name)
      const phone = await world.join('alice\'s phone', { wallet: alice.wallet })
      await alice.client.devices()
      const from = bob.told.length
      const text = await world.send(phone, bob, 'from a device that the server hides')
      const attempts = [await attempt('the newer head in what Alice\'s phone wrote', 'refused or told', async () => {
        const told = await Promise.race([toldOf(bob, 'alarm account.log_withheld', from), toldOf(bob, 'security e2ee.untrusted_identity', from)])
        return told.startsWith('nothing') ? told : 'refused or told'
      })]
      const second = world.text('from a device that is known', alice, bob)
      await (await (await alice.client.conversation(bob.client.account)).send(second)).acked
      attempts.push(await attempt('the newer head in what Alice wrote', 'alarm account.log_withheld', () => toldOf(bob, 'alarm account.log_withheld', from)))
      attempts.push(await attempt('what the hidden device wrote', '0 times', () => Promise.resolve(`${String(bob.shown.filter((message) => message.text === text).length)} times`)))
      world.proxy.lie = {}
      await bob.client.verify(alice.wallet.address)
      return [...attempts, await honestly(world, alice, bob)]
    },
  },
]
