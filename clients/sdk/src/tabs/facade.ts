import { hexOf, type Random } from '@evegram/protocol'
import type { InboxItem } from '../core/feed.js'
import type { Message } from '../core/message.js'
import type { Client, InboxOptions } from '../client.js'
import type { Conversation, MessagesOptions } from '../conversation.js'
import { exportData } from '../export/export-data.js'
import type { ExportOptions } from '../export/export-options.js'
import type { DownloadOptions } from '../files/download.js'
import type { AccountWallet } from '../money/account-wallet.js'
import type { Notices } from '../notices.js'
import type { Shape, Target } from './frames.js'

/** Names of methods that answer at once, which nothing in another tab can. */
type AtOnce<Part> = { [Name in keyof Part]: Part[Name] extends (...args: never[]) => infer Result ? (Result extends Promise<unknown> | AsyncIterable<unknown> ? never : Name) : never }[keyof Part]
/** Who adds such a method to a part of the client gives it a place in {@link facadeOf}; until then this does not compile. */
export type EveryMethodWaits = [AtOnce<Client>, AtOnce<Conversation>, AtOnce<AccountWallet>, AtOnce<Notices>] extends ['on', 'typing', 'newId', never] ? true : never
const everyMethodWaits: EveryMethodWaits = true

/** What a facade does itself, and how it asks the leader. */
export interface FacadePorts {
  readonly random: Random
  call(target: Target, method: string, args: readonly unknown[]): Promise<unknown>
  /** A value of the client that changes, by its name. */
  value(name: string): unknown
  unpackError(packed: unknown): unknown
  on: Client['on']
  close(): Promise<void>
  /** In ms since 1970. */
  nowMs(): number
  messages(conversation: string, options: MessagesOptions | undefined): AsyncIterable<Message>
  inbox(options: InboxOptions): AsyncIterable<InboxItem>
  download(message: Message, index: number, options: DownloadOptions | undefined): ReadableStream<Uint8Array>
  /** Notes what stands for `target`, so that it can be an argument of a call. */
  note(facade: object, target: Target): void
}

const ID_BYTES = 16

/**
 * What stands in a tab for a part of the leader's client: its methods call the leader's, its values are those that the leader told. It outlives leaders. `values`: of a conversation, group or channel,
 * whose values never change; absent, they are the client's.
 */
export function facadeOf(ports: FacadePorts, target: Target, shape: Readonly<Record<string, Shape>>, values?: Readonly<Record<string, unknown>>): object {
  const facade: object = {}
  for (const [name, property] of Object.entries(shape)) {
    Object.defineProperty(facade, name, { enumerable: property.is !== 'method', ...descriptorOf(ports, target, name, property, values) })
  }
  ports.note(facade, target)
  return facade
}

function descriptorOf(ports: FacadePorts, target: Target, name: string, property: Shape, values: Readonly<Record<string, unknown>> | undefined): PropertyDescriptor {
  const path = target.on === 'client' ? [...target.path, name] : [name]
  switch (property.is) {
    case 'method': return { value: methodOf(ports, target, name) }
    case 'value': return { get: () => (values === undefined ? ports.value(path.join('.')) : values[name]) }
    case 'part': return { value: facadeOf(ports, { on: 'client', path }, property.properties) }
    case 'error': return { get: () => { throw ports.unpackError(property.error) } }
    default: return property satisfies never
  }
}

/** Methods that answer at once are done here; all others are done by the leader. */
function methodOf(ports: FacadePorts, target: Target, name: string): (...args: never[]) => unknown {
  const isClient = target.on === 'client' && target.path.length === 0
  if (isClient && name === 'on') return ports.on
  if (isClient && name === 'close') return () => ports.close()
  if (isClient && name === 'download') return (message: Message, index: number, options?: DownloadOptions) => ports.download(message, index, options)
  // What it is made of comes from the leader, call by call.
  if (isClient && name === 'exportData') return function (this: Client, options?: ExportOptions) { return exportData(this, ports.nowMs(), options) }
  if (isClient && name === 'inbox') return (options: InboxOptions) => ports.inbox(options)
  if (target.on === 'client' && target.path[0] === 'wallet' && name === 'newId') return () => hexOf(ports.random.bytes(ID_BYTES))
  if (target.on === 'conversation' || target.on === 'group') {
    const { id } = target
    if (name === 'messages') return (options?: MessagesOptions) => ports.messages(id, options)
    // Nothing is promised of it: what fails is not told either.
    if (name === 'typing') return (active: boolean) => { ports.call({ on: 'tabs' }, 'typing', [id, active]).catch(() => undefined) }
  }
  return (...args: unknown[]) => (everyMethodWaits ? ports.call(target, name, args) : undefined)
}
