/** One client process of a crash run: a device of an account, and whom it talks to. */
export interface ClientPlan {
  /** Name in texts and reports: `a3.1` is the second device of account 3. */
  readonly name: string
  readonly account: number
  /** 0: the device that founded the account; 1: one that was added. */
  readonly device: number
  /** Account that it sends to; its messages also go to the other device of its own account. */
  readonly peer: number
  /** Messages that it sends. */
  readonly messages: number
}

/** Devices of every account of a run. */
export const DEVICES_PER_ACCOUNT = 2

/**
 * Spreads `messages` over `clients` devices: two devices for each account, accounts in pairs that talk to each other. An odd number of clients
 * or accounts leaves the last account with one device, or talking to the first account.
 */
export function planClients(clients: number, messages: number): ClientPlan[] {
  const accounts = Math.ceil(clients / DEVICES_PER_ACCOUNT)
  return Array.from({ length: clients }, (_, index) => {
    const account = Math.floor(index / DEVICES_PER_ACCOUNT)
    const partner = account % 2 === 0 ? account + 1 : account - 1
    return {
      name: `a${String(account)}.${String(index % DEVICES_PER_ACCOUNT)}`,
      account,
      device: index % DEVICES_PER_ACCOUNT,
      peer: partner < accounts ? partner : 0,
      messages: Math.floor(messages / clients) + (index < messages % clients ? 1 : 0),
    }
  })
}

/** The conversation that two accounts share, as a name of the run. */
export function conversationName(one: number, other: number): string {
  return one <= other ? `${String(one)}-${String(other)}` : `${String(other)}-${String(one)}`
}
