import { setTimeout as delay } from 'node:timers/promises'
import { metricOf, type ServiceProcess } from './processes.js'

/** Two listeners share the port: that a client meets the same one this often has odds of 1 in a million. */
const TRIES_MAX = 20

/** Waits until `check` answers true; returns how long that took, in ms. */
export async function until(what: string, check: () => Promise<boolean> | boolean, limitMs = 30_000): Promise<number> {
  const startedMs = performance.now()
  while (!await check()) {
    if (performance.now() - startedMs > limitMs) throw new Error(`not in time: ${what}`)
    await delay(20)
  }
  return performance.now() - startedMs
}

/** Sockets that are open at an engine. */
export function connectionsOf(engine: ServiceProcess): Promise<number> {
  return metricOf(engine, 'evegram_engine_connections')
}

/** Why a process is not ready, `ready` when it is. */
export async function readinessOf(service: ServiceProcess): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${String(service.ports['admin'])}/readyz`)
  const { ok, checks } = await answer.json() as { ok: boolean; checks: { name: string; ok: boolean; reason?: string }[] }
  return ok ? 'ready' : checks.filter((check) => !check.ok).map(({ name, reason }) => `${name}: ${reason ?? ''}`).join('; ')
}

/** As much of a client of the SDK as these helpers use: only tests may import it. */
export interface Person {
  readonly address: string
  whenSynced(): Promise<void>
  close(): Promise<void>
  on(event: 'message', listener: (message: { readonly text: string }) => void): () => void
  conversation(address: string): Promise<Talk>
}

/** A conversation of a {@link Person}. */
export interface Talk {
  send(text: string): Promise<{ readonly acked: Promise<unknown> }>
}

/** The clients of a test; `open` makes one. */
export class People<Client extends Person, Wallet> {
  readonly #open: (profile: string, wallet: Wallet) => Promise<Client>
  readonly #clients: Client[] = []

  constructor(open: (profile: string, wallet: Wallet) => Promise<Client>) {
    this.#open = open
  }

  /** A client whose socket the system gave to `engine`. */
  async at(engine: ServiceProcess, profile: string, wallet: Wallet): Promise<Client> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const before = await connectionsOf(engine)
      const client = await this.#open(profile, wallet)
      await client.whenSynced()
      if (await connectionsOf(engine) > before) {
        this.#clients.push(client)
        return client
      }
      await client.close()
      await delay(50)
    }
    throw new Error('every connection went to the other engine')
  }

  /** Ends every client. */
  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
  }
}

/** Sends and waits until the other side shows it; returns the ms from send to acknowledgement and to being shown. */
export async function say(from: Person, to: Person, text: string): Promise<{ readonly ackMs: number; readonly shownMs: number }> {
  return sayIn(await from.conversation(to.address), to, text)
}

/** The same in a conversation that is open already: opening one asks auth. */
export async function sayIn(talk: Talk, to: Person, text: string): Promise<{ readonly ackMs: number; readonly shownMs: number }> {
  const shown = new Promise<number>((resolve) => {
    const end = to.on('message', (message) => {
      if (message.text !== text) return
      end()
      resolve(performance.now())
    })
  })
  const sentMs = performance.now()
  await (await talk.send(text)).acked
  const ackMs = performance.now() - sentMs
  return { ackMs, shownMs: await shown - sentMs }
}
