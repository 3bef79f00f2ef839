import { describe, expect, it } from 'vitest'
import { shownType, sniffMedia } from './media-kind.js'

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

const GOOD = {
  'image/png': '\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'image/jpeg': '\xff\xd8\xff\xe0\0\x10JFIF\0', 'image/gif': 'GIF89a\x01\0\x01\0', 'image/webp': 'RIFF\x24\0\0\0WEBPVP8 ', 'video/mp4': '\0\0\0\x20ftypisom\0\0\x02\0',
} as const

/** What people send who want to be shown as something else. */
const HOSTILE: Readonly<Record<string, string>> = {
  'a page': '<!doctype html><script>alert(1)</script>', 'a drawing with a script': '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', 'a drawing behind a declaration': '<?xml version="1.0"?><svg/>',
  'a page behind a byte order mark': '\xef\xbb\xbf<html>', 'a page behind white space': '   \n<html><script>', 'a PDF': '%PDF-1.7', 'an archive': 'PK\x03\x04', 'a program': 'MZ\x90\0', 'a picture that is cut': '\x89PNG',
  'sound in RIFF': 'RIFF\x24\0\0\0WAVEfmt ', 'a picture in the box of films': '\0\0\0\x20ftypavif\0\0\0\0', 'a film of QuickTime': '\0\0\0\x14ftypqt  \0\0\0\0', 'a bitmap': 'BM\x36\0\0\0', 'nothing': '', 'JPEG but one byte': '\xff\xd8\xfe',
}

describe('what the bytes of a file say it is', () => {
  it.each(Object.entries(GOOD))('knows %s', (type, text) => {
    expect(sniffMedia(bytes(text))).toBe(type)
    expect(shownType(type, bytes(text))).toBe(type)
  })

  it.each(Object.entries(HOSTILE))('shows %s as nothing, whatever its sender calls it', (_name, text) => {
    expect(sniffMedia(bytes(text))).toBeUndefined()
    for (const said of [...Object.keys(GOOD), 'image/svg+xml', 'text/html']) expect(shownType(said, bytes(text))).toBeUndefined()
  })

  it('shows nothing whose sender says something else than its bytes', () => {
    expect(shownType('image/jpeg', bytes(GOOD['image/png']))).toBeUndefined()
    expect(shownType('text/html', bytes(GOOD['image/png']))).toBeUndefined()
    expect(shownType('video/mp4', bytes(GOOD['image/gif']))).toBeUndefined()
  })
})
