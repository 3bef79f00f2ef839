import nacl from 'tweetnacl'
import { domainOfManifest, makeTonStandIn, type ConnectRequest, type TonStandIn } from './ton-stand-in.js'

/** What the person does in the wallet. */
export type Person = 'agrees' | 'declines'

/** What a page asks of a wallet that is connected. */
interface AppRequest {
  readonly method: string
  readonly params: readonly string[]
  readonly id: string
}

/**
 * A TON wallet on another device: it opens links, and speaks with the page over a bridge as TON Connect's session.md and requests-responses.md say, with NaCl and requests of its own. What it signs
 * with is a {@link TonStandIn}.
 */
export class RemoteTonWallet {
  readonly calls: string[] = []
  readonly standIn: TonStandIn
  person: Person = 'agrees'
  readonly #bridgeUrl: string
  readonly #closing = new AbortController()
  #events = 0

  constructor(bridgeUrl: string, options: { readonly signsData: boolean; readonly wrongKey?: boolean }) {
    this.#bridgeUrl = bridgeUrl
    this.standIn = makeTonStandIn({ appName: 'Lighthouse', ...options })
  }

  /** Opens a link, as after a scan, and answers it. Resolves with the id under which it is connected. */
  async open(link: string): Promise<string> {
    const { searchParams } = new URL(link)
    const app = searchParams.get('id') ?? ''
    if (searchParams.get('v') !== '2' || !/^[0-9a-f]{64}$/.test(app)) throw new Error(`no link of TON Connect: ${link}`)
    // The link is made by the page that is tested.
    const request = JSON.parse(searchParams.get('r') ?? '') as ConnectRequest
    this.calls.push(`connect ${request.items.map(({ name }) => name).join('+')}`)
    const session = nacl.box.keyPair()
    const own = Buffer.from(session.publicKey).toString('hex')
    const tell = (message: object): Promise<void> => this.#tell(session, app, message)
    if (this.person === 'declines') {
      await tell({ event: 'connect_error', id: this.#nextEvent(), payload: { code: 300, message: 'User declined the connection' } })
      return own
    }
    const domain = await domainOfManifest(request.manifestUrl)
    void this.#listen(session, app, async (asked) => { await tell(this.#answer(asked, domain)) })
    await tell({ event: 'connect', id: this.#nextEvent(), payload: { items: this.standIn.answers(request, domain), device: this.standIn.deviceInfo } })
    return own
  }

  close(): void {
    this.#closing.abort()
  }

  #answer({ method, params, id }: AppRequest, domain: string): object {
    this.calls.push(method)
    if (method === 'disconnect') return { result: {}, id }
    if (this.person === 'declines') return { error: { code: 300, message: 'User declined the request' }, id }
    return method === 'signData' ? this.standIn.signData(params, id, domain) : { error: { code: 400, message: 'Method not supported' }, id }
  }

  #nextEvent(): number {
    this.#events += 1
    return this.#events
  }

  async #tell({ secretKey, publicKey }: nacl.BoxKeyPair, app: string, message: object): Promise<void> {
    const nonce = nacl.randomBytes(24)
    const box = nacl.box(Buffer.from(JSON.stringify(message)), nonce, Buffer.from(app, 'hex'), secretKey)
    const answer = await fetch(`${this.#bridgeUrl}/message?client_id=${Buffer.from(publicKey).toString('hex')}&to=${app}&ttl=300&no_request_source=true`, { method: 'POST', body: Buffer.concat([nonce, box]).toString('base64') })
    if (!answer.ok) throw new Error(`the bridge answered ${String(answer.status)}`)
  }

  /** Hands over the requests of the page until the wallet is closed, or its bridge dies. */
  async #listen({ secretKey, publicKey }: nacl.BoxKeyPair, app: string, take: (request: AppRequest) => Promise<void>): Promise<void> {
    try {
      const { body } = await fetch(`${this.#bridgeUrl}/events?client_id=${Buffer.from(publicKey).toString('hex')}`, { signal: this.#closing.signal })
      let text = ''
      for await (const part of body ?? []) {
        text += Buffer.from(part).toString()
        const frames = text.split(/\r?\n\r?\n/)
        text = frames.pop() ?? ''
        for (const frame of frames) {
          const data = /^data: (\{.*\})$/m.exec(frame)?.[1]
          if (data === undefined) continue
          const { from, message } = JSON.parse(data) as { readonly from: string; readonly message: string }
          const sealed = Buffer.from(message, 'base64')
          const opened = from === app ? nacl.box.open(sealed.subarray(24), sealed.subarray(0, 24), Buffer.from(app, 'hex'), secretKey) : null
          if (opened !== null) await take(JSON.parse(Buffer.from(opened).toString()) as AppRequest)
        }
      }
    } catch (error) {
      // The bridge was ended under it, or the wallet closed: that is how tests end.
      if (!(error instanceof TypeError) && !this.#closing.signal.aborted) throw error
    }
  }
}
