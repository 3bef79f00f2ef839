import { Presets, SingleBar } from 'cli-progress'
import type { RunEvents } from '../coordinator.js'
import type { TimelinePoint } from '../result.js'

/** Shows a run while it goes on, on standard error: a bar with the last figures on a terminal, a line now and then elsewhere, nothing when it is to be silent. */
export class LiveView implements RunEvents {
  readonly #isSilent: boolean
  readonly #name: string
  #bar: SingleBar | undefined
  #tenths = -1
  #step = ''

  constructor(name: string, isSilent: boolean) {
    this.#name = name
    this.#isSilent = isSilent
  }

  readonly onPreparing = (done: number, total: number): void => {
    this.#show('signing in and connecting', Math.floor(done / 2), Math.floor(total / 2), '')
  }

  readonly onPhase = (phase: 'prepared' | 'warming up' | 'measuring' | 'draining'): void => {
    if (phase === 'prepared') this.stop()
  }

  readonly onProgress = (atSeconds: number, ofSeconds: number, last: TimelinePoint | undefined): void => {
    this.#show(this.#name, Math.round(atSeconds), Math.round(ofSeconds), last === undefined ? '' : figuresText(last))
  }

  /** How far a step is that has no messages; the next one begins on a line of its own. */
  readonly onStep = (step: string, done: number, total: number): void => {
    if (this.#step !== step) this.stop()
    this.#step = step
    this.#show(step, done, total, '')
  }

  /** Leaves the line. */
  stop(): void {
    this.#bar?.stop()
    this.#bar = undefined
    this.#tenths = -1
  }

  #show(name: string, value: number, total: number, figures: string): void {
    if (this.#isSilent) return
    if (process.stderr.isTTY) {
      if (this.#bar === undefined) {
        this.#bar = new SingleBar({ format: '{name} {bar} {value}/{total}  {figures}', stream: process.stderr, clearOnComplete: true, hideCursor: true }, Presets.shades_classic)
        this.#bar.start(total, value, { name, figures })
      } else this.#bar.update(value, { name, figures })
      return
    }
    const tenths = Math.floor((value / Math.max(1, total)) * 10)
    if (tenths <= this.#tenths) return
    this.#tenths = tenths
    console.error(`${name} ${String(value)}/${String(total)}  ${figures}`.trimEnd())
  }
}

function figuresText({ isWarmUp, sent, delivered, p50Ms, p99Ms, serverCpuPercent, refused }: TimelinePoint): string {
  return [
    ...(isWarmUp ? ['warm-up'] : []), `sent ${String(sent)}/s`, `delivered ${String(delivered)}/s`,
    ...(p50Ms === undefined || p99Ms === undefined ? [] : [`p50 ${p50Ms.toFixed(1)} ms`, `p99 ${p99Ms.toFixed(1)} ms`]),
    ...(serverCpuPercent === undefined ? [] : [`server CPU ${String(serverCpuPercent)} %`]), ...(refused === 0 ? [] : [`refused ${String(refused)}/s`]),
  ].join('  ')
}
