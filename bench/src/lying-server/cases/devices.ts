import { BODY_TYPE, decodeEntry, deviceIdOf, draftEntry, encodeFailure, ENVELOPE_OFFSETS, FRAME_TYPE, sealEntry, viewEnvelope } from '@evegram/protocol'
import { attempt, type Attempt } from '../../attempt.js'
import { honestly, type LyingCase } from '../case.js'
import { addition, additionOf, deviceProofs, extended, proofBy, showing, stateOf, trueLog } from '../forge-log.js'
import { Mallory } from '../mallory.js'
import { codeOf, isFor, shows, toldOf, until, type Person, type World } from '../world.js'

/** Devices for which the next message of `from` to `to` holds a readable body. */
async function readersOfNext(world: World, from: Person, to: Person): Promise<string[]> {
  let readers: string[] | undefined
  const before = world.proxy.lie
  world.proxy.lie = {
    ...before,
    toServer(frame, link) {
      if (frame.type === FRAME_TYPE.send && isFor(from, link) && frame.body[ENVELOPE_OFFSETS.kind] === 1) {
        readers = viewEnvelope(frame.body).bodies.filter(({ type }) => type !== BODY_TYPE.skip).map(({ device }) => device)
      }
      return [frame]
    },
  }
  await (await (await from.client.conversation(to.client.account)).send(world.text('to whom', from, to))).acked
  const found = await until(() => readers, 'a message on its way')
  world.proxy.lie = before
  return found
}

/** Lies about which devices an account has. */
export const DEVICE_CASES: readonly LyingCase[] = [
  {
    name: 'ghost-device', claim: 'Mallory\'s device in Alice\'s log: with Mallory\'s proof, with an old proof of Alice, with none',
    async run(world) {
      const [alice, bob, mallory] = [await world.join('alice'), await world.join('bob', { chain: 'terra' }), await Mallory.join(world)]
      await world.honest(alice, bob)
      const log = await trueLog(world, alice.client.account)
      const state = stateOf(world, log.entries, log.account)
      const { keys, wallet, device } = mallory.device
      const [old] = log.entries.flatMap((bytes) => decodeEntry(bytes).proofs.filter(({ type }) => type === 'wallet'))
      if (old?.type !== 'wallet') throw new Error('Alice\'s log has no wallet proof')
      const draft = draftEntry(state, 'device.add', additionOf(keys), Date.now())
      const forged: readonly (readonly [string, { readonly bytes: Uint8Array; readonly head: Uint8Array }])[] = [
        ['signed by Mallory\'s wallet', await addition(world, state, keys, await proofBy(world, wallet, state, 'add-device', device))],
        ['signed by Mallory in the name of Alice\'s wallet', await addition(world, state, keys, {
          type: 'wallet', proof: { ...(await proofBy(world, wallet, state, 'add-device', device)).proof, walletId: alice.wallet.walletId },
        })],
        ['with the proof of Alice\'s own device', await addition(world, state, keys, old)],
        ['with that proof rewritten', await addition(world, state, keys, { type: 'wallet', proof: { ...old.proof, device, logSeq: state.seq, logHead: state.head } })],
        ['with no wallet at all', sealEntry(draft, await deviceProofs(world, keys, draft))],
      ]
      const attempts: Attempt[] = []
      for (const [what, entry] of forged) {
        world.proxy.lie = showing(extended(log, entry), [alice.wallet.walletId])
        attempts.push(await attempt(what, 'account.log_invalid', () => codeOf(bob.client.verify(alice.wallet.address))))
      }
      world.proxy.lie = {}
      await bob.client.verify(alice.wallet.address)
      const readers = await readersOfNext(world, bob, alice)
      attempts.push(await attempt('who can read what Bob writes then', alice.client.device, () => Promise.resolve(readers.join(', '))))
      return [...attempts, await honestly(world, bob, alice)]
    },
  },
  {
    name: 'stale-devices', claim: 'a refusal that asks Bob to encrypt for Mallory\'s device too',
    async run(world) {
      const [alice, bob, mallory] = [await world.join('alice'), await world.join('bob'), await Mallory.join(world)]
      await world.honest(alice, bob)
      let asked = 0
      const readers: string[][] = []
      world.proxy.lie = {
        toServer(frame, link) {
          if (frame.type !== FRAME_TYPE.send || !isFor(bob, link) || frame.body[ENVELOPE_OFFSETS.kind] !== 1) return [frame]
          readers.push(viewEnvelope(frame.body).bodies.map(({ device }) => device))
          if (asked++ > 0) return [frame]
          const body = encodeFailure({
            code: 'stale.devices', message: '', accounts: [{ account: alice.client.account, seq: 1 }, { account: bob.client.account, seq: 1 }], missing: [mallory.device.device],
          })
          world.proxy.inject(bob.client.device, { type: FRAME_TYPE.failure, flags: 0, correlation: frame.correlation, body })
          return []
        },
      }
      const text = await world.send(bob, alice, 'for Alice alone')
      await shows(alice, text)
      const attempts = [
        await attempt('attempts', '2', () => Promise.resolve(String(readers.length))),
        await attempt('who can read it', alice.client.device, () => Promise.resolve([...new Set(readers.flat())].join(', '))),
      ]
      return [...attempts, await honestly(world, alice, bob)]
    },
  },
  {
    name: 'revoked-device-returns', claim: 'a revoked device added once more with its old proof',
    async run(world) {
      const [alice, bob] = [await world.join('alice'), await world.join('bob')]
      const { enrolment } = world
      const log1 = await trueLog(world, alice.client.account)
      const stolen = await enrolment.enrol(alice.wallet, stateOf(world, log1.entries, log1.account))
      await world.honest(alice, bob)
      await alice.client.revokeDevice(stolen.device.device, alice.wallet)
      await bob.client.verify(alice.wallet.address)
      const log = await trueLog(world, alice.client.account)
      const state = stateOf(world, log.entries, log.account)
      const old = decodeEntry(log.entries[1] ?? new Uint8Array(0)).proofs.find(({ type }) => type === 'wallet')
      if (old?.type !== 'wallet') throw new Error('the entry of the stolen device has no wallet proof')
      const again = await addition(world, state, stolen.device.keys, old)
      world.proxy.lie = showing(extended(log, again), [alice.wallet.walletId])
      const attempts = [await attempt('its old proof behind the revocation', 'account.log_invalid', () => codeOf(bob.client.verify(alice.wallet.address)))]
      world.proxy.lie = showing({ ...log, entries: [...log.entries.slice(0, 2)], seq: 2, head: stolen.state.head }, [alice.wallet.walletId])
      attempts.push(await attempt('the log without the revocation', 'account.log_rolled_back', () => codeOf(bob.client.verify(alice.wallet.address))))
      world.proxy.lie = {}
      await bob.client.verify(alice.wallet.address)
      attempts.push(await attempt('who can read what Bob writes then', alice.client.device, async () => (await readersOfNext(world, bob, alice)).join(', ')))
      return [...attempts, await honestly(world, alice, bob)]
    },
  },
  {
    name: 'revocation-hidden', claim: 'a revocation that the server keeps from Bob, and Alice tells him end to end',
    async run(world) {
      const alice = await world.join('alice')
      const phone = await world.join('alice\'s phone', { wallet: alice.wallet })
      const bob = await world.join('bob')
      await world.honest(alice, bob)
      await bob.client.verify(alice.wallet.address)
      const before = await trueLog(world, alice.client.account)
      const phoneDevice = phone.client.device
      const attempts = [await attempt('who could read before', [alice.client.device, phoneDevice].sort().join(', '), async () => (await readersOfNext(world, bob, alice)).sort().join(', '))]
      const from = bob.told.length
      world.proxy.lie = showing(before, [alice.wallet.walletId], bob.name)
      await alice.client.revokeDevice(phoneDevice, alice.wallet)
      attempts.push(await attempt('what Bob is told', 'alarm account.log_withheld', () => toldOf(bob, 'alarm', from)))
      attempts.push(await attempt('who can read while it is hidden', alice.client.device, async () => (await readersOfNext(world, bob, alice)).join(', ')))
      world.proxy.lie = {}
      await bob.client.verify(alice.wallet.address)
      attempts.push(await attempt('who can read afterwards', alice.client.device, async () => (await readersOfNext(world, bob, alice)).join(', ')))
      return [...attempts, await honestly(world, alice, bob)]
    },
  },
  {
    name: 'key-of-another', claim: 'Mallory attests Alice\'s identity key as her own device',
    async run(world) {
      const [alice, bob, mallory] = [await world.join('alice'), await world.join('bob'), await Mallory.join(world)]
      const aliceLog = await trueLog(world, alice.client.account)
      const [entry] = aliceLog.entries.map((bytes) => decodeEntry(bytes))
      if (entry?.kind !== 'device.add') throw new Error('Alice\'s log does not begin with a device')
      const log = await trueLog(world, mallory.device.account)
      const state = stateOf(world, log.entries, log.account)
      const { keys, wallet } = mallory.device
      // Alice's identity key with Mallory's signing key: a new device id, whose identity half Mallory cannot sign for.
      const device = deviceIdOf(entry.body.identityKey, keys.signing.publicKey)
      const draft = draftEntry(state, 'device.add', { ...additionOf(keys), identityKey: entry.body.identityKey }, Date.now())
      const [identity, signing] = await deviceProofs(world, { ...keys, device }, draft)
      if (identity === undefined || signing === undefined) throw new Error('no proofs')
      const forged = sealEntry(draft, [await proofBy(world, wallet, state, 'add-device', device), identity, signing])
      const attempts = [await attempt('the real server', 'proof.nonce', () => codeOf(world.enrolment.api.appendEntry(state.account, forged.bytes)))]
      attempts.push(await attempt('the real server, with a nonce of its own', 'proof.signature', async () => {
        const challenge = await world.enrolment.api.challenge('add-device', device)
        const { proof } = await proofBy(world, wallet, state, 'add-device', device)
        const { form: _form, signature: _signature, walletId: _walletId, ...claims } = proof
        const honest = await wallet.signProof({ ...claims, ...challenge })
        return codeOf(world.enrolment.api.appendEntry(state.account, sealEntry(draft, [{ type: 'wallet', proof: honest }, identity, signing]).bytes))
      }))
      world.proxy.lie = showing(extended(log, forged), [wallet.walletId])
      attempts.push(await attempt('a lying server, shown to Bob', 'account.log_invalid', () => codeOf(bob.client.conversation(wallet.address))))
      return [...attempts, await honestly(world, bob, alice)]
    },
  },
]
