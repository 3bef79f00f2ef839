import type { BackupProgress, TransferProgress } from '@evegram/sdk'
import type { Output } from './output.js'
import { sizeText } from './safe-file-name.js'

const CELLS = 24

/** What is drawn: what is done, and of how much where that is known. */
type Drawn = (done: number, total: number | undefined, text: string) => void

function draw(output: Output): { readonly show: Drawn; readonly end: () => void } {
  if (!output.interactive) return { show: () => undefined, end: () => undefined }
  return {
    show: (done, total, text) => {
      const share = total === undefined ? 0 : total === 0 ? 1 : Math.min(1, done / total)
      const filled = Math.round(share * CELLS)
      const percent = total === undefined ? '   ' : String(Math.floor(share * 100)).padStart(3)
      process.stderr.write(`\r\u001b[K${'█'.repeat(filled)}${'░'.repeat(CELLS - filled)} ${percent} %  ${text} `)
    },
    end: () => { process.stderr.write('\r\u001b[K') },
  }
}

/** Draws how far each step of something longer is, on a terminal of a person alone; `end` removes it. */
export function stepBar(output: Output): { readonly show: (progress: BackupProgress) => void; readonly end: () => void } {
  const bar = draw(output)
  return {
    show: ({ step, done, total }) => {
      const isBytes = step === 'storing' || step === 'fetching'
      const of = total === undefined ? '' : ` of ${isBytes ? sizeText(total) : String(total)}`
      bar.show(done, total, `${step} ${isBytes ? sizeText(done) : String(done)}${of}${isBytes ? '' : ' messages'}`)
    },
    end: bar.end,
  }
}

/** Draws how far a transfer is, on a terminal of a person alone; `end` removes it. */
export function transferBar(output: Output): { readonly show: (progress: TransferProgress) => void; readonly end: () => void } {
  const bar = draw(output)
  return { show: ({ doneBytes, totalBytes }) => { bar.show(doneBytes, totalBytes, `${sizeText(doneBytes)} of ${sizeText(totalBytes)}`) }, end: bar.end }
}

/** Says how far something is whose end nobody knows, on a terminal of a person alone; `end` removes it. */
export function countBar(output: Output): { readonly show: (text: string) => void; readonly end: () => void } {
  if (!output.interactive) return { show: () => undefined, end: () => undefined }
  return { show: (text) => { process.stderr.write(`\r\u001b[K${text} `) }, end: () => { process.stderr.write('\r\u001b[K') } }
}
