import {
  decodeFrames, encodeCatchUp, encodeFrame, encodeHello, FRAME_TYPE, isEvegramError, LIMITS, type AccountId, type DeviceId,
} from '@evegram/protocol'
import type { SimProcess } from '../kernel/process.js'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import type { SimNetwork } from '../network/network.js'

/** A device that the intruder would like to be. */
export interface Impersonated {
  readonly account: AccountId
  readonly device: DeviceId
}

type Approach = 'garbage' | 'text' | 'oversized' | 'before hello' | 'forged hello' | 'silence' | 'torn frame'
const APPROACHES: readonly Approach[] = ['garbage', 'text', 'oversized', 'before hello', 'forged hello', 'silence', 'torn frame']

/** Somebody without keys who connects to nodes and says what no client of ours says. Whatever it says, it is never welcomed. */
export class Intruder {
  readonly #run: Run
  readonly #network: SimNetwork
  readonly #process: SimProcess
  readonly #random: SimRandom

  constructor(run: Run, network: SimNetwork, process: SimProcess) {
    this.#run = run
    this.#network = network
    this.#process = process
    this.#random = run.random('intruder')
  }

  /** One approach to the node on `machine`, as `victim` where it needs a name. */
  approach(machine: string, victim: Impersonated): void {
    const run = this.#run
    const approach = this.#random.pick(APPROACHES)
    run.coverage.count(`workload/intruder: ${approach}`)
    const connection = this.#network.rawConnection(this.#process, machine, {
      onOpen: () => { if (approach !== 'forged hello') this.#speak(approach, (bytes) => { connection.send(bytes) }, () => { connection.sendText() }) },
      onMessage: (bytes) => {
        const types = typesOf(bytes)
        if (types.includes(FRAME_TYPE.welcome)) run.broken('P7', `${machine} welcomed somebody who said: ${approach}`)
        if (approach === 'forged hello' && types.includes(FRAME_TYPE.challenge)) connection.send(this.#forgedHello(victim))
      },
      onClose: (code) => { run.coverage.count(`branch/intruder (${approach}) closed ${code}`) },
    })
    run.scheduler.after(this.#random.skewed(2_000, 60_000), () => { connection.vanish() })
  }

  #speak(approach: Exclude<Approach, 'forged hello'>, send: (bytes: Uint8Array) => void, sendText: () => void): void {
    const random = this.#random
    switch (approach) {
      case 'garbage': return send(random.bytes(random.between(1, 300)))
      case 'text': return sendText()
      case 'oversized': return send(encodeFrame(FRAME_TYPE.hello, 0, random.bytes(LIMITS.helloFrameBytesMax)))
      case 'before hello': return send(encodeFrame(FRAME_TYPE.catchUp, 1, encodeCatchUp({ sinceMs: 0 })))
      case 'torn frame': return send(encodeFrame(FRAME_TYPE.hello, 0, random.bytes(200)).slice(0, 40))
      case 'silence': return
      default: approach satisfies never
    }
  }

  #forgedHello({ account, device }: Impersonated): Uint8Array {
    const random = this.#random
    return encodeFrame(FRAME_TYPE.hello, 0, encodeHello({
      account, device, token: Buffer.from(random.bytes(60)).toString('base64url'), clientNonce: random.bytes(32), signature: random.bytes(64), agent: 'intruder',
    }))
  }
}

function typesOf(bytes: Uint8Array): number[] {
  try {
    return decodeFrames(bytes).map(({ type }) => type)
  } catch (failure) {
    // What a node under pressure cuts short is no frame.
    if (isEvegramError(failure)) return []
    throw failure
  }
}
