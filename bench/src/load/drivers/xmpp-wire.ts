// XMPP for clients over TCP: RFC 6120 with in-band registration (XEP-0077), and multi-user chats (XEP-0045) for groups and channels.
import { connect, type Socket } from 'node:net'
import type { ClientEvents, SendEvents } from './driver.js'
import { inTime } from './in-time.js'
import type { Destination, OpenWire } from './peer-wire.js'
import { attributeOf, textOf, XmppStanzas } from './xmpp-stanzas.js'

const DOMAIN = 'localhost'
const ROOMS = `conference.${DOMAIN}`
const RESOURCE = 'b'
/** Of accounts that live as long as a run, on a server on loopback. */
const PASSWORD = 'bench'
const STREAM = `<?xml version='1.0'?><stream:stream to='${DOMAIN}' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>`

/** A client of ejabberd. Payloads are base64 in the body; messages are neither acknowledged nor given receipts. */
export const openXmppWire: OpenWire = async ({ address, id, events }) => {
  const client = new XmppClient(new URL(address), nameOf({ kind: 'client', number: id }), events)
  await inTime('sign a client in', client.opened)
  return client
}

class XmppClient {
  readonly #name: string
  readonly #events: ClientEvents
  readonly #socket: Socket
  readonly #stanzas: XmppStanzas
  readonly opened: Promise<void>
  #settle: { readonly resolve: () => void; readonly reject: (error: Error) => void } = { resolve: () => undefined, reject: () => undefined }
  #isReady = false
  #isClosed = false
  #isAuthenticated = false
  /** Who waits to be in a room, by its address with our name in it. */
  readonly #joining = new Map<string, () => void>()
  readonly #own = new Set<string>()
  readonly #conversations = new Map<string, SendEvents>()

  constructor({ hostname, port }: URL, name: string, events: ClientEvents) {
    this.#name = name
    this.#events = events
    this.opened = new Promise((resolve, reject) => { this.#settle = { resolve, reject } })
    this.#stanzas = new XmppStanzas((stanza) => { this.#onStanza(stanza) })
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true })
    this.#socket.on('connect', () => this.#socket.write(STREAM))
    this.#socket.on('error', (error) => { this.#ended(error.message) })
    this.#socket.on('close', () => { this.#ended('closed') })
    this.#socket.on('data', (data) => {
      try {
        this.#stanzas.take(data)
      } catch (error) {
        this.#fail(error instanceof Error ? error.message : String(error))
      }
    })
  }

  subscribe(topic: number): Promise<void> {
    const own = `${nameOf({ kind: 'topic', number: topic })}@${ROOMS}/${this.#name}`
    this.#own.add(own)
    return inTime('let a client into a room', new Promise<void>((resolve) => {
      this.#joining.set(own, resolve)
      this.#socket.write(`<presence to='${own}'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>`)
    }))
  }

  conversation(to: Destination, events: SendEvents): { send(payload: Uint8Array, token: number): void } {
    const address = to.kind === 'client' ? `${nameOf(to)}@${DOMAIN}/${RESOURCE}` : `${nameOf(to)}@${ROOMS}`
    this.#conversations.set(address, events)
    const head = `<message to='${address}' type='${to.kind === 'client' ? 'chat' : 'groupchat'}' id='`
    return {
      // The token comes back with an error.
      send: (payload, token) => { this.#socket.write(`${head}${String(token)}'><body>${Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('base64')}</body></message>`) },
    }
  }

  close(): void {
    this.#isClosed = true
    this.#settle.reject(new Error('closed'))
    this.#socket.destroy()
  }

  #onStanza(stanza: string): void {
    if (stanza.startsWith('<message')) this.#onMessage(stanza)
    else if (stanza.startsWith('<presence')) this.#onPresence(stanza)
    else if (stanza.startsWith('<stream:features')) this.#onFeatures()
    else if (stanza.startsWith('<iq')) this.#onAnswer(stanza)
    else if (stanza.startsWith('<success')) {
      this.#isAuthenticated = true
      this.#stanzas.reset()
      this.#socket.write(STREAM)
    } else if (stanza.startsWith('<failure') || stanza.startsWith('<stream:error')) this.#fail(stanza)
  }

  #onFeatures(): void {
    this.#socket.write(this.#isAuthenticated
      ? `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${RESOURCE}</resource></bind></iq>`
      : `<iq type='set' id='register'><query xmlns='jabber:iq:register'><username>${this.#name}</username><password>${PASSWORD}</password></query></iq>`)
  }

  #onAnswer(stanza: string): void {
    const [id, type] = [attributeOf(stanza, 'id'), attributeOf(stanza, 'type')]
    if (type === 'error') this.#fail(stanza)
    else if (id === 'register') {
      const plain = Buffer.from(`\0${this.#name}\0${PASSWORD}`).toString('base64')
      this.#socket.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`)
    } else if (id === 'bind') {
      this.#isReady = true
      this.#settle.resolve()
    } else if (type === 'get') this.#socket.write(`<iq type='result' id='${id ?? ''}' to='${attributeOf(stanza, 'from') ?? DOMAIN}'/>`)
  }

  #onPresence(stanza: string): void {
    const from = attributeOf(stanza, 'from') ?? ''
    if (attributeOf(stanza, 'type') === 'error') this.#fail(stanza)
    else if (this.#joining.has(from)) {
      this.#joining.get(from)?.()
      this.#joining.delete(from)
    }
  }

  #onMessage(stanza: string): void {
    const from = attributeOf(stanza, 'from') ?? ''
    if (attributeOf(stanza, 'type') === 'error') {
      this.#conversations.get(from)?.refused(Number(attributeOf(stanza, 'id')), `error ${textOf(stanza, 'text') ?? stanza.slice(0, 200)}`)
      return
    }
    const body = textOf(stanza, 'body')
    // A room sends everybody everything, also who wrote it; and its subject, which has no body.
    if (body !== undefined && !this.#own.has(from)) this.#events.delivered(Buffer.from(body, 'base64'))
  }

  #fail(reason: string): void {
    this.#ended(reason.slice(0, 300))
    this.#socket.destroy()
  }

  #ended(reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#settle.reject(new Error(reason))
    if (this.#isReady) this.#events.closed(reason)
  }
}

function nameOf({ kind, number }: Destination): string {
  return `${kind === 'client' ? 'c' : 't'}${String(number)}`
}
