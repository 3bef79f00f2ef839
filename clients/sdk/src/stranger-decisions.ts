import { parseAccountId, parseConversationId, type AccountId } from '@evegram/protocol'
import type { AccountResolver } from './account-resolver.js'
import type { Client, MessageRequest } from './client.js'
import type { ClientCore } from './core/client-core.js'
import { STATE_FAMILIES } from './state/register-keys.js'

/** Accounts that a user accepted or blocked, as many as there can be registers of them. */
const LIST_RELATIONS_MAX = STATE_FAMILIES['contact.relation'].registersMax

/** The part of a {@link Client} that decides about strangers. */
export class StrangerDecisions implements Pick<Client, 'requests' | 'accept' | 'decline' | 'block' | 'unblock' | 'blocked'> {
  readonly #client: ClientCore
  readonly #resolver: AccountResolver

  constructor(client: ClientCore, resolver: AccountResolver) {
    this.#client = client
    this.#resolver = resolver
  }

  async requests(): Promise<readonly MessageRequest[]> {
    const { roster, requests } = this.#client.core
    const shown: MessageRequest[] = []
    for (const request of requests.list()) {
      await roster.loadAccount(request.account)
      shown.push({ ...request, address: roster.addressOf(request.account) })
    }
    return shown
  }

  accept(conversation: string): Promise<void> {
    return this.#client.requestActions.end(parseConversationId(conversation), 'accepted')
  }

  decline(conversation: string): Promise<void> {
    return this.#client.requestActions.end(parseConversationId(conversation), 'declined')
  }

  async block(addressOrAccount: string): Promise<void> {
    await this.#client.requestActions.block((await this.#resolver.resolve(addressOrAccount)).verified.account)
  }

  async unblock(addressOrAccount: string): Promise<void> {
    await this.#client.requestActions.unblock((await this.#resolver.resolve(addressOrAccount)).verified.account)
  }

  async blocked(limit = 1_000): Promise<readonly AccountId[]> {
    const relations = await this.#client.core.state.list('contact.relation', LIST_RELATIONS_MAX)
    return relations.filter(({ value }) => value === 'blocked').slice(0, limit).map(({ id }) => parseAccountId(id))
  }
}
