import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { hexOf } from '@evegram/protocol'
import type { Population } from './population.js'

/** A token of a made-up account says itself whose it is. */
const TOKEN = /^([0-9a-f]{32})\.([0-9a-f]{32})\.-*$/
const TOKEN_LIFE_MS = 900_000
const BODY_BYTES_MAX = 65_536

/** What engines ask: who holds a token, and which devices accounts have. */
interface Question {
  readonly token?: unknown
  readonly accounts?: unknown
}

/**
 * Stands in for auth where tens of thousands would have to sign in first: answers what engines ask of it about made-up accounts, whose tokens are as long as
 * real ones. The engines are the product as it is, and verify the signature of every hello; only the question whether a token stands has a cheap answer.
 */
export class MadeUpAuth {
  readonly #server: Server
  #devices: ReadonlyMap<string, readonly { readonly device: string; readonly signingKey: string }[]> = new Map()

  private constructor(server: Server) {
    this.#server = server
  }

  /** Listens on a free port of loopback. */
  static async start(): Promise<MadeUpAuth> {
    const server = createServer()
    const auth = new MadeUpAuth(server)
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void auth.#answer(request).then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
      }, () => { response.writeHead(400).end() })
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    return auth
  }

  /** `http://127.0.0.1:<port>`. */
  get url(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('nobody listens')
    return `http://127.0.0.1:${String(address.port)}`
  }

  /** From now on these people exist. */
  know({ accounts, sender, signingKey }: Population & { readonly signingKey: Uint8Array }): void {
    const key = hexOf(signingKey)
    const all = [...accounts, { account: sender.account, devices: [sender.device] }]
    this.#devices = new Map(all.map(({ account, devices }) => [account, devices.map((device) => ({ device, signingKey: key }))]))
  }

  /** Ends it, and every connection to it. */
  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #answer(request: IncomingMessage): Promise<{ readonly status: number; readonly body: unknown }> {
    const question = await readQuestion(request)
    if (typeof question.token === 'string') {
      const [, account, device] = TOKEN.exec(question.token) ?? []
      if (account === undefined || device === undefined) return { status: 401, body: { error: { code: 'auth.token_invalid', message: 'made up by nobody' } } }
      return { status: 200, body: { account, device, expiresAtMs: Date.now() + TOKEN_LIFE_MS } }
    }
    if (!Array.isArray(question.accounts)) return { status: 404, body: { error: { code: 'not_found.route', message: 'this stand-in does not know that' } } }
    return { status: 200, body: { accounts: question.accounts.map((account) => this.#account(account)) } }
  }

  #account(account: unknown): unknown {
    const devices = typeof account === 'string' ? this.#devices.get(account) : undefined
    return devices === undefined ? { status: 'unknown' } : { status: 'known', account, seq: 1, head: '0'.repeat(64), closed: false, devices }
  }
}

async function readQuestion(request: IncomingMessage): Promise<Question> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    const bytes = chunk as Buffer // no encoding is set: a stream of bytes
    length += bytes.length
    if (length > BODY_BYTES_MAX) throw new Error('too long')
    chunks.push(bytes)
  }
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  return typeof body === 'object' && body !== null ? body : {}
}
