import { describe, expect, it } from 'vitest'
import { safeLink } from './safe-link.js'

describe('a web address in a message', () => {
  it.each(['https://example.com/a?b=c#d', 'http://localhost:8080/', 'https://example.com/%E2%80%AE', 'https://xn--pple-43d.com/', 'https://es.example.org/wiki/Espa\u00f1a?q=\u4f60\u597d'])('is shown as it was written where that says where it leads: %s', (written) => {
    expect(safeLink(written)).toEqual({ href: new URL(written).href, text: written })
  })

  it('shows where it leads when its letters look like others', () => {
    // The first letter is Cyrillic.
    expect(safeLink('https://\u0430pple.com/login')).toEqual({ href: 'https://xn--pple-43d.com/login', text: 'https://xn--pple-43d.com/login' })
    expect(safeLink('https://m\u00fcnchen.example/stra\u00dfe')?.text).toBe('https://xn--mnchen-3ya.example/stra%C3%9Fe')
    // A slash that is none.
    expect(safeLink('https://bank.example\u2044.evil.example/')?.text ?? '').not.toContain('bank.example\u2044')
  })

  it('cannot be turned around, nor have letters that nobody sees', () => {
    const link = safeLink('https://example.com/\u202Egpj.exe')
    expect(link?.text).toBe('https://example.com/%E2%80%AEgpj.exe')
    expect(safeLink('https://exam\u200Bple.com/')?.text).toBe('https://example.com/')
  })

  it.each(['https://bank.example@evil.example/', 'https://bank.example:443@evil.example', 'https://evil.example\\@bank.example', 'javascript:alert(1)', 'data:text/html,x', 'https://', 'https://[::1'])('is no link where it misleads or is none: %s', (written) => {
    expect(safeLink(written)).toBeUndefined()
  })
})
