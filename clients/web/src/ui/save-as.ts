import { systemClock } from '@evegram/sdk'

/** How long a browser may take to begin a download before its address goes: it tells nobody. */
const ADDRESS_MS = 60_000

/** Gives a file to the person, where their browser keeps downloads. Resolves when the page holds it no more. */
export function saveAs(content: Blob, name: string): Promise<void> {
  const link = globalThis.document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  return new Promise((resolve) => {
    systemClock.after(ADDRESS_MS, () => {
      URL.revokeObjectURL(link.href)
      resolve()
    })
  })
}
