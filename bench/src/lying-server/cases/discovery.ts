import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { decodeEntry } from '@evegram/protocol'
import { createLocalWallet, type ProofRequest, type Wallet } from '@evegram/sdk'
import { createNodeClient, hasDevice } from '@evegram/sdk/node'
import { attempt, type Attempt } from '../../attempt.js'
import { honestly, type LyingCase } from '../case.js'
import { Mallory } from '../mallory.js'
import type { Answered, Asked, Lie } from '../proxy.js'
import { codeOf, type World } from '../world.js'

/** Changes the answer of discovery. */
function discovery(change: (json: Answered['json']) => Answered['json']): Lie {
  return {
    async http(asked, forward) {
      const answer = await forward()
      return asked.path === '/.well-known/evegram' ? { ...answer, json: change(answer.json) } : answer
    },
  }
}

/** A wallet that remembers what it was asked to sign. */
function spy(): { readonly wallet: Wallet; readonly asked: ProofRequest[] } {
  const wallet = createLocalWallet('terra', new Uint8Array(randomBytes(32)))
  const asked: ProofRequest[] = []
  return {
    asked,
    wallet: {
      ...wallet,
      signProof: (request) => {
        asked.push(request)
        return wallet.signProof(request)
      },
    },
  }
}

const isChallenge = ({ path, body }: Asked): boolean => path === '/v1/auth/challenge' && body.includes('add-device')
const challengeFor = (purpose: string, device: string): Partial<Asked> => ({ body: Buffer.from(JSON.stringify({ purpose, device })) })

/** What the wallet of a person was asked to sign, in one line. */
function signed(world: World, asked: readonly ProofRequest[]): string {
  const own = new URL(world.proxy.url)
  return [...new Set(asked.map(({ domain, origin, purpose }) => `${purpose} at ${domain === own.host && origin === own.origin ? 'the configured server' : `${domain} (${origin})`}`))].join(', ')
}

/** Lies at the door: who the server is, and what is to be signed. */
export const DISCOVERY_CASES: readonly LyingCase[] = [
  {
    name: 'discovery-domain', claim: 'discovery that names another domain, origin, or place',
    async run(world) {
      const lies: readonly (readonly [string, string, (json: Answered['json']) => Answered['json']])[] = [
        ['another domain', 'client.domain_mismatch', (json) => ({ ...json, domain: 'evil.example' })],
        ['another domain and origin', 'client.domain_mismatch', (json) => ({ ...json, domain: 'evil.example', origin: 'https://evil.example' })],
        ['another origin', 'client.domain_mismatch', (json) => ({ ...json, origin: 'https://evil.example' })],
        ['our domain as a prefix', 'client.domain_mismatch', (json) => ({ ...json, domain: `${String(json['domain'])}.evil.example` })],
        ['sockets elsewhere without TLS', 'client.insecure_url', (json) => ({ ...json, ws: 'ws://evil.example/v1/socket' })],
        ['sign-in elsewhere without TLS', 'client.insecure_url', (json) => ({ ...json, auth: 'http://evil.example' })],
        ['another protocol', 'incompatible.protocol', (json) => ({ ...json, protocol: { min: 9, max: 9 } })],
        ['no JSON that fits', 'invalid.response', (json) => ({ ...json, serverId: 7 })],
      ]
      const attempts: Attempt[] = []
      for (const [what, code, change] of lies) {
        const { wallet, asked } = spy()
        world.proxy.lie = discovery(change)
        attempts.push(await attempt(what, code, () => codeOf(world.join('victim', { wallet }))))
        attempts.push(await attempt(`${what}: signed`, '', () => Promise.resolve(signed(world, asked))))
      }
      world.proxy.lie = {}
      return [...attempts, await honestly(world, await world.join('alice'), await world.join('bob', { chain: 'ton' }))]
    },
  },
  {
    name: 'server-changed', claim: 'a profile that comes back to a server with another identity',
    async run(world) {
      const profile = mkdtempSync(join(tmpdir(), 'evegram-lied-to-'))
      try {
        const wallet = createLocalWallet('solana', new Uint8Array(randomBytes(32)))
        await (await createNodeClient({ url: world.proxy.url, profile, wallet })).close()
        world.proxy.lie = discovery((json) => ({ ...json, serverId: 'f'.repeat(32) }))
        const attempts = [
          await attempt('another server id', 'server.identity_changed', () => codeOf(createNodeClient({ url: world.proxy.url, profile }))),
          await attempt('the profile', 'still signed in', async () => ((await hasDevice(profile)) ? 'still signed in' : 'gone')),
        ]
        world.proxy.lie = {}
        const reopened = await createNodeClient({ url: world.proxy.url, profile })
        attempts.push(await attempt('the same server again', wallet.address, () => Promise.resolve(reopened.address)))
        await reopened.close()
        return [...attempts, await honestly(world, await world.join('alice'), await world.join('bob'))]
      } finally {
        rmSync(profile, { recursive: true, force: true })
      }
    },
  },
  {
    name: 'challenge-text', claim: 'a challenge that brings text to sign, or a nonce with lines in it',
    async run(world) {
      const { wallet, asked } = spy()
      const answerWith = (change: (json: Answered['json']) => Answered['json']): Lie => ({
        async http(request, forward) {
          const answer = await forward()
          return isChallenge(request) ? { ...answer, json: change(answer.json) } : answer
        },
      })
      world.proxy.lie = answerWith((json) => ({ ...json, nonce: `${String(json['nonce']).slice(0, 30)}\nURI: https://evil.example` }))
      const attempts = [await attempt('lines in the nonce', 'invalid.response', () => codeOf(world.join('victim', { wallet })))]
      world.proxy.lie = answerWith((json) => ({ ...json, expirationTimeMs: Number(json['issuedAtMs']) + 86_400_000 }))
      attempts.push(await attempt('a life of a day', 'invalid.argument', () => codeOf(world.join('victim', { wallet }))))
      asked.length = 0
      world.proxy.lie = answerWith((json) => ({
        ...json, message: 'evil.example wants you to sign in', domain: 'evil.example', text: 'Send all your money', purpose: 'erase', resources: ['evegram:v1:purpose:withdraw'],
      }))
      const alice = await world.join('alice', { wallet })
      attempts.push(await attempt('text beside the nonce: signed', 'add-device at the configured server', () => Promise.resolve(signed(world, asked))))
      return [...attempts, await honestly(world, alice, await world.join('bob'))]
    },
  },
  {
    name: 'challenge-elsewhere', claim: 'a nonce for another device or purpose, and what the liar can do with the proof that comes of it',
    async run(world) {
      const mallory = await Mallory.join(world)
      const attempts: Attempt[] = []
      const lies: readonly (readonly [string, Partial<Asked>])[] = [
        ['for Mallory\'s device', challengeFor('add-device', mallory.device.device)],
        ['for erasing the account', challengeFor('erase', mallory.device.device)],
        ['for linking a wallet', challengeFor('link-wallet', mallory.device.device)],
      ]
      for (const [what, instead] of lies) {
        const { wallet, asked } = spy()
        let caught: string | undefined
        world.proxy.lie = {
          async http(request, forward) {
            if (/\/log$/.test(request.path) && request.method === 'POST') caught = String((JSON.parse(request.body.toString()) as { readonly entry: string }).entry)
            return isChallenge(request) ? forward(instead) : forward()
          },
        }
        attempts.push(await attempt(what, 'proof.nonce', () => codeOf(world.join('victim', { wallet }))))
        attempts.push(await attempt(`${what}: signed`, 'add-device at the configured server', () => Promise.resolve(signed(world, asked))))
        attempts.push(await attempt(`${what}: the proof names`, 'the victim\'s own device', () => {
          const entry = decodeEntry(Buffer.from(caught ?? '', 'base64url'))
          const [proof] = entry.proofs.flatMap((one) => (one.type === 'wallet' ? [one.proof] : []))
          return Promise.resolve(proof?.device === mallory.device.device || proof?.purpose !== 'add-device' ? 'something of Mallory\'s' : 'the victim\'s own device')
        }))
      }
      world.proxy.lie = {}
      return [...attempts, await honestly(world, await world.join('alice'), await world.join('bob'))]
    },
  },
]
