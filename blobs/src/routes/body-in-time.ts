import type { Readable } from 'node:stream'
import { EvegramError, type Clock, type Timer } from '@evegram/protocol'

/**
 * The bytes of a request, for `limitMs` from now: then it throws `timeout`, behind what came. The request itself stays, so that whoever made it gets an answer.
 */
export async function* bodyInTime(body: Readable, clock: Clock, limitMs: number): AsyncGenerator<Uint8Array, void, undefined> {
  let timer: Timer | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = clock.after(limitMs, () => { reject(new EvegramError('timeout', { operation: 'read bytes' })) })
  })
  // Waited for below, but not at every moment.
  late.catch(() => undefined)
  const pieces = body.iterator({ destroyOnReturn: false })
  try {
    for (;;) {
      const next: IteratorResult<unknown> = await Promise.race([pieces.next(), late])
      if (next.done === true) return
      if (!(next.value instanceof Uint8Array)) throw new EvegramError('invalid.request', { operation: 'read bytes' })
      yield next.value
    }
  } finally {
    timer?.cancel()
  }
}
