/** Names that mean a device on some systems. */
const RESERVED = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i
const CHARACTERS_MAX = 120

/**
 * A name for a file that somebody else chose, safe to write in a folder and to show: no path, no control characters, none that turn the direction of writing, none
 * that systems refuse, and never hidden. `photo\u202Egpj.exe` becomes `photogpj.exe`.
 */
export function safeFileName(name: string): string {
  const plain = name.normalize('NFC').replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, '').replace(/[/\\:*?"<>|]/g, '_').replace(/^[.\s]+|[.\s]+$/g, '')
  const dot = plain.lastIndexOf('.')
  const [stem, ending] = dot > 0 && plain.length - dot <= 16 ? [plain.slice(0, dot), plain.slice(dot)] : [plain, '']
  const short = `${[...stem].slice(0, CHARACTERS_MAX).join('')}${ending}`
  return short === '' ? 'file' : RESERVED.test(short) ? `_${short}` : short
}

/** The name as its sender and an unused one of the same folder: `notes (2).pdf`. */
export function numberedName(name: string, number: number): string {
  if (number === 1) return name
  const dot = name.lastIndexOf('.')
  return dot > 0 ? `${name.slice(0, dot)} (${String(number)})${name.slice(dot)}` : `${name} (${String(number)})`
}

/** Bytes as people read them: `20.0 MB`. */
export function sizeText(bytes: number): string {
  const [unit, size] = bytes >= 1_000_000 ? ['MB', 1_000_000] as const : ['kB', 1_000] as const
  return bytes < 1_000 ? `${String(bytes)} bytes` : `${(bytes / size).toFixed(1)} ${unit}`
}
