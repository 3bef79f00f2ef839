import { decodeFailure, decodeOpened, encodeFrame, encodeOpen, FRAME_TYPE, type Frame } from '@evegram/protocol'
import { OpaqueSend, SENT_AT_OFFSET } from '../route/opaque-envelope.js'
import { RawConnection } from '../raw/raw-connection.js'
import { RawEnrolment, type RawDevice } from '../raw/raw-device.js'
import type { CanaryWindow } from './judge.js'

/** Time between two messages of a device: half of what the server allows, so that only the server's state can slow it. */
const SEND_EVERY_MS = 40
const PAYLOAD_BYTES = 64

/** One of the two honest devices. */
interface Canary {
  readonly connection: RawConnection
  readonly send: OpaqueSend
}

/** What happened since the last question. */
class Window {
  sent = 0
  delivered = 0
  readonly faults = new Set<string>()
  readonly latenciesMs: number[] = []
  /** Sending times of messages on their way, by sender and number. */
  readonly underWay: Map<string, number>

  constructor(underWay = new Map<string, number>()) {
    this.underWay = underWay
  }

  close(): CanaryWindow {
    const now = performance.now()
    const all = [...this.latenciesMs, ...[...this.underWay.values()].map((sentAt) => now - sentAt)].sort((left, right) => left - right)
    const at = (share: number): number => Number((all[Math.min(all.length - 1, Math.floor(all.length * share))] ?? 0).toFixed(2))
    return { sent: this.sent, delivered: this.delivered, faults: [...this.faults], p50Ms: at(0.5), p99Ms: at(0.99) }
  }
}

async function main(): Promise<void> {
  const { url, ws } = JSON.parse(process.argv[2] ?? '{}') as { readonly url: string; readonly ws: string }
  const enrolment = await RawEnrolment.open(url)
  const devices: RawDevice[] = []
  for (const chain of ['solana', 'terra'] as const) devices.push((await enrolment.enrol(enrolment.newWallet(chain))).device)
  let window = new Window()
  const canaries: Canary[] = []
  for (const [index, device] of devices.entries()) {
    const partner = devices[1 - index]
    if (partner === undefined) throw new Error('a canary has no partner')
    let opened: () => void = () => undefined
    const ready = new Promise<void>((resolve) => {
      opened = resolve
    })
    const connection = await RawConnection.open(device, {
      ws, origin: enrolment.server.origin,
      onFrame(frame, own) {
        if (frame.type === FRAME_TYPE.opened) {
          decodeOpened(frame.body)
          opened()
        } else take(window, frame, own, String(1 - index))
      },
      onClose(code) { window.faults.add(`closed with ${String(code)}`) },
    })
    connection.send(encodeFrame(FRAME_TYPE.open, 1, encodeOpen({ peer: partner.account })))
    await ready
    canaries.push({ connection, send: new OpaqueSend(device, partner, PAYLOAD_BYTES) })
  }
  const timers = canaries.map(({ connection, send }, index) => setInterval(() => {
    const now = performance.now()
    const { correlation, frame } = send.next(now)
    window.sent++
    window.underWay.set(`${String(index)}.${String(correlation)}`, now)
    connection.send(frame)
  }, SEND_EVERY_MS))
  process.on('message', (message) => {
    if (message === 'take') {
      process.send?.(window.close())
      window = new Window(window.underWay)
    }
  })
  process.on('disconnect', () => {
    for (const timer of timers) clearInterval(timer)
    for (const { connection } of canaries) connection.close()
  })
  process.send?.('ready')
}

function take(window: Window, frame: Frame, connection: RawConnection, sender: string): void {
  if (frame.type === FRAME_TYPE.failure) window.faults.add(decodeFailure(frame.body).code)
  if (frame.type !== FRAME_TYPE.deliver) return
  const view = new DataView(frame.body.buffer, frame.body.byteOffset, frame.body.byteLength)
  window.latenciesMs.push(performance.now() - view.getFloat64(frame.body.byteLength - PAYLOAD_BYTES + SENT_AT_OFFSET))
  window.delivered++
  // Position (16 bytes), then the envelope with its number at 56.
  window.underWay.delete(`${sender}.${String(Number(view.getBigUint64(16 + 56)))}`)
  connection.acknowledge(1)
}

main().catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})
