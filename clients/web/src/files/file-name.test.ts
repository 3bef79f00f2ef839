import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { safeFileName, shortenedName } from './file-name.js'

describe('the name of a file, as it is shown and saved', () => {
  it.each([
    ['an override of direction', 'holiday-\u202egpj.exe', 'holiday-gpj.exe'], ['isolates', 'a\u2066b\u2069.txt', 'ab.txt'], ['marks of direction', '\u200fa\u061c.txt', 'a.txt'], ['what has no width', 'in\u200bvoice\ufeff.pdf', 'invoice.pdf'],
    ['controls', 'a\r\nContent-Type: text/html\0.txt', 'aContent-Type_ text_html.txt'], ['a path', '../../.ssh/config', '_.._.ssh_config'], ['a path of Windows', 'C:\\Windows\\notepad.exe', 'C__Windows_notepad.exe'],
    ['a hidden file', '.bashrc', 'bashrc'], ['an end that is dropped', 'photo.png.exe. . ', 'photo.png.exe'], ['a name of a device', 'CON.txt', '_CON.txt'], ['a filler', 'a\u3164.txt', 'a.txt'], ['tags', 'a\u{e0041}.txt', 'a.txt'],
    ['nothing', '\u202e', 'file'], ['dots', '...', 'file'], ['letters that go from right to left', 'تقرير.pdf', 'تقرير.pdf'], ['two ends', 'photo.png.exe', 'photo.png.exe'], ['letters that are put together', 'e\u0301.txt', 'é.txt'],
  ])('is without harm: %s', (_what, name, safe) => {
    expect(safeFileName(name)).toBe(safe)
  })

  it('never has what misleads, is never empty, never longer than it may be, and stays what it is when it is made safe again', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (name) => {
      const safe = safeFileName(name)
      expect(safe).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\/:*?"<>|]|^\.|^\s|[\s.]$/u)
      expect([...safe].length).toBeGreaterThan(0)
      expect([...safe].length).toBeLessThanOrEqual(120)
      expect(safeFileName(safe)).toBe(safe)
    }))
  })

  it('is cut in the middle, so that its end stays', () => {
    expect(shortenedName('a'.repeat(300) + '.png.exe', 30)).toBe(`${'a'.repeat(17)}…aaaa.png.exe`)
    expect([...shortenedName('😀'.repeat(50), 20)]).toHaveLength(20)
    expect(shortenedName('short.txt', 30)).toBe('short.txt')
  })
})
