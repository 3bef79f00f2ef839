import type { TransferProgress } from '@evegram/sdk'
import type { Output } from './output.js'
import { sizeText } from './safe-file-name.js'

const CELLS = 24

/** Draws how far a transfer is, on a terminal of a person alone; `end` removes it. */
export function transferBar(output: Output): { readonly show: (progress: TransferProgress) => void; readonly end: () => void } {
  if (!output.interactive) return { show: () => undefined, end: () => undefined }
  return {
    show: ({ doneBytes, totalBytes }) => {
      const share = totalBytes === 0 ? 1 : doneBytes / totalBytes
      const filled = Math.round(share * CELLS)
      process.stderr.write(`\r${'█'.repeat(filled)}${'░'.repeat(CELLS - filled)} ${String(Math.floor(share * 100)).padStart(3)} %  ${sizeText(doneBytes)} of ${sizeText(totalBytes)} `)
    },
    end: () => { process.stderr.write('\r\u001b[K') },
  }
}
