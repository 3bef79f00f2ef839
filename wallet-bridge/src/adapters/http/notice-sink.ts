import { ENGINE_INTERNAL_API, type InternalClient } from '@evegram/platform'
import type { ErrorCode } from '@evegram/protocol'
import type { NoticeSink } from '../../ports/notice-sink.js'

/** Whether a code is the engine's verdict about a notice rather than a failure to take it: what the client of the engine's listeners passes through. */
export function isNoticeVerdict(code: ErrorCode): boolean {
  return code === 'denied.notices' || code === 'order.ahead' || code === 'limited.queue' || code.startsWith('invalid.')
}

/** {@link NoticeSink} over the internal listeners of the engine: any node takes any notice. The client passes {@link isNoticeVerdict}. */
export class HttpNoticeSink implements NoticeSink {
  readonly #client: Pick<InternalClient, 'ask'>

  constructor(client: Pick<InternalClient, 'ask'>) {
    this.#client = client
  }

  async append(notice: Uint8Array): Promise<void> {
    const { path, answer } = ENGINE_INTERNAL_API.notices
    await this.#client.ask({ method: 'POST', path, body: { notice: Buffer.from(notice).toString('base64url') }, answer })
  }
}
