import { EvegramError, parseAccountId, utf8, type AccountId } from '@evegram/protocol'
import { addressOf } from '@evegram/protocol/proof'
import type { Core } from './core/context.js'
import { CONTACT_NAME_BYTES_MAX, STATE_FAMILIES, type Relation } from './state/register-keys.js'

/** Somebody whom the user named, accepted or blocked: the same on all own devices. */
export interface Contact {
  readonly account: AccountId
  /** Of the founding wallet, from the verified log; undefined until this device has asked for it. */
  readonly address?: string
  /** The name that the user gave; nobody else sees it. */
  readonly name?: string
  readonly relation?: Relation
}

/** The contacts of an account. */
export interface Contacts {
  /** Everybody who was named, accepted or blocked, by account. */
  list(): Promise<readonly Contact[]>
  /** One of them, by address or account id; of anybody else nothing but the account. Rejects as `Client.conversation` does. */
  get(addressOrAccount: string): Promise<Contact>
  /** Gives a name of at most 256 UTF-8 bytes; an empty one takes it back. Rejects `invalid.argument`, `limited.state`, and as `Client.conversation` does. */
  rename(addressOrAccount: string, name: string): Promise<void>
}

/** What {@link StoredContacts} work on. */
export interface ContactPorts {
  readonly core: Pick<Core, 'state' | 'local' | 'accounts'>
  resolve(addressOrAccount: string): Promise<AccountId>
}

/** {@link Contacts} on the registers of a profile. */
export class StoredContacts implements Contacts {
  readonly #ports: ContactPorts

  constructor(ports: ContactPorts) {
    this.#ports = ports
  }

  async list(): Promise<readonly Contact[]> {
    const { state } = this.#ports.core
    const accounts = new Set<string>()
    for (const family of ['contact.name', 'contact.relation'] as const) {
      for (const { id } of await state.list(family, STATE_FAMILIES[family].registersMax)) accounts.add(id)
    }
    const contacts: Contact[] = []
    for (const account of [...accounts].sort()) contacts.push(await this.#contact(parseAccountId(account)))
    return contacts
  }

  async get(addressOrAccount: string): Promise<Contact> {
    return this.#contact(await this.#ports.resolve(addressOrAccount))
  }

  async rename(addressOrAccount: string, name: string): Promise<void> {
    const { local, state } = this.#ports.core
    if (utf8(name).length > CONTACT_NAME_BYTES_MAX) throw new EvegramError('invalid.argument', { operation: 'name contact', advice: 'Give a shorter name.' })
    const account = await this.#ports.resolve(addressOrAccount)
    await local.write((tx) => state.set(tx, 'contact.name', account, name === '' ? undefined : name))
  }

  async #contact(account: AccountId): Promise<Contact> {
    const { accounts, state } = this.#ports.core
    const founding = (await accounts.known(account))?.state.foundingWallet
    const name = await state.get('contact.name', account)
    const relation = await state.get('contact.relation', account)
    return {
      account, ...(founding === undefined ? {} : { address: addressOf(founding) }), ...(name === undefined ? {} : { name }), ...(relation === undefined ? {} : { relation }),
    }
  }
}
