import { readFileSync } from 'node:fs'
import { EvegramError } from '@evegram/protocol'
import type { Context } from '../context.js'
import { checkPage, PAGE_LIMITS, PAGE_MANIFEST_FILE, pageFetcher, parseManifest } from '../page-check.js'
import { visible } from '../visible.js'

const HASH = /^[0-9a-f]{64}$/

/** Options of {@link verifyWeb}. */
export interface VerifyWebOptions {
  readonly hash?: string
  readonly manifest?: string
}

/**
 * `evegram verify-web`: fetches every file of the page that a server serves and compares it with a bundle hash, with a manifest, or (without either) only with what the page says of
 * itself. Fails with `web.page_differs`.
 */
export async function verifyWeb({ output }: Context, url: string, options: VerifyWebOptions): Promise<void> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new EvegramError('invalid.argument', { operation: 'verify-web', advice: 'Write the address of the page as a URL: https://chat.example' })
  const expected = expectedHash(options)
  const fetchFile = pageFetcher(url)
  const served = await fetchFile(PAGE_MANIFEST_FILE, PAGE_LIMITS.manifestBytesMax)
  if (served === undefined) throw new EvegramError('web.page_differs', { operation: 'verify-web', advice: `The page has no ${PAGE_MANIFEST_FILE}: it cannot be checked.` })
  const manifest = parseManifest(new TextDecoder().decode(served))
  const total = manifest.files.length
  let looked = 0
  const faults = await checkPage(manifest, fetchFile, (path) => {
    looked += 1
    if (output.interactive) output.note(output.paint('dim', `${String(Math.min(looked, total))}/${String(total)} ${visible(path)}`))
  })
  const compared = expected !== undefined
  const ok = faults.length === 0 && (!compared || expected === manifest.bundle)
  const found = { url, bundle: manifest.bundle, files: total, compared, ok, faults, ...(compared ? { expected } : {}) }
  const lines = [
    `${ok ? output.paint('green', 'ok  ') : output.paint('red', 'FAIL')} ${visible(url)}: ${String(total)} files, bundle hash ${manifest.bundle}`,
    ...faults.map(({ path, fault }) => `     ${fault}: ${visible(path)}`),
    ...(compared && expected !== manifest.bundle ? [`     expected ${expected}`] : []),
    ...(compared ? [] : ['     compared with nothing but itself: compare the hash with the one that the release published (--hash)']),
    '     This is what the server gave to this command; it can give others another page. Who must not trust it uses this terminal client, or serves the page himself.',
  ]
  await output.result(found, lines.join('\n'))
  if (!ok) throw new EvegramError('web.page_differs', { operation: 'verify-web', details: { faults: faults.length, hash: manifest.bundle } })
}

function expectedHash({ hash, manifest }: VerifyWebOptions): string | undefined {
  if (hash !== undefined && manifest !== undefined) throw new EvegramError('invalid.argument', { operation: 'verify-web', advice: 'Give --hash or --manifest, not both.' })
  if (hash !== undefined) {
    const lower = hash.toLowerCase()
    if (!HASH.test(lower)) throw new EvegramError('invalid.argument', { operation: 'verify-web', advice: 'A bundle hash has 64 hexadecimal digits.' })
    return lower
  }
  if (manifest === undefined) return undefined
  try {
    return parseManifest(readFileSync(manifest, 'utf8')).bundle
  } catch (cause) {
    if (cause instanceof EvegramError) throw cause
    throw new EvegramError('invalid.argument', { operation: 'read --manifest', advice: 'The manifest cannot be read.', cause })
  }
}
