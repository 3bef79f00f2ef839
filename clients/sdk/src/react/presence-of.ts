import type { Client } from '../client.js'
import type { Presence } from '../core/contact-presence.js'
import { Observable, type Readable } from './observable.js'

/** What {@link presenceOf} uses of a client. */
type PresentClient = Pick<Client, 'on'> & { readonly presence: Pick<Client['presence'], 'of'> }

/**
 * What is known of a contact. It is asked about while this is watched, and once more whenever it may have become allowed: people accept each other while they look at a
 * conversation. What cannot be asked stays undefined or unknown.
 */
export function presenceOf(client: PresentClient, addressOrAccount: string, watched: (isWatched: boolean) => void): Readable<Presence | undefined> {
  let stop: (() => void) | undefined
  const presence = new Observable<Presence | undefined>(undefined, (isWatched) => {
    watched(isWatched)
    stop?.()
    stop = undefined
    if (!isWatched) return
    let isOver = false
    let account: Presence['account'] | undefined
    const early = new Map<Presence['account'], Presence>()
    const ask = (): void => {
      client.presence.of(addressOrAccount).then((state) => {
        if (isOver) return
        account = state.account
        presence.set(early.get(state.account) ?? state)
        early.clear()
      }, () => undefined)
    }
    const ends = [
      client.on('presence-changed', (state) => {
        // Before the account of an address is known, which of them is meant is not either.
        if (account === undefined) early.set(state.account, state)
        else if (state.account === account) presence.set(state)
      }),
      client.on('state-changed', ({ keys }) => {
        if (keys.some((key) => key.startsWith('contact.relation/') || key === 'setting/presence.tell')) ask()
      }),
    ]
    stop = () => {
      isOver = true
      for (const end of ends) end()
    }
    ask()
  })
  return presence
}
