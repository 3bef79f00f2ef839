import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ERROR_CODES } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { en, type Text } from './en.js'
import { errorText } from './error-text.js'
import { es } from './es.js'

const source = fileURLToPath(new URL('..', import.meta.url))
const ENGLISH: Readonly<Record<string, Text>> = en
const SPANISH: Readonly<Record<string, Text>> = es
const keys = Object.keys(ENGLISH)

const formsOf = (text: Text | undefined): readonly string[] => (text === undefined ? [] : typeof text === 'string' ? [text] : [text.one, text.other])
const placesOf = (text: string): readonly string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name).sort()

/** What the page is made of, without catalogues and tests. */
const scripts = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name) && !name.includes('.test.') && !/^i18n\/e[ns]/.test(name) && !name.startsWith('testing/'))
  .map((name) => readFileSync(join(source, name), 'utf8')).join('\n')

describe('the texts of the page', () => {
  it('say something in every language, with the same things put into them', () => {
    const faults = keys.filter((key) => {
      const [english, spanish] = [formsOf(ENGLISH[key]), formsOf(SPANISH[key])]
      if ([...english, ...spanish].some((form) => form.trim() === '')) return true
      // A form for one may leave the number out: “a message”.
      const named = (forms: readonly string[]): string => [...new Set(forms.flatMap(placesOf))].sort().join()
      return named(english) !== named(spanish) || english.length !== spanish.length
    })
    expect(faults).toEqual([])
    expect(Object.keys(SPANISH).sort()).toEqual([...keys].sort())
  })

  it('about failures are about codes that there are', () => {
    const families = Object.keys(ERROR_CODES).map((code) => `family.${code.split('.')[0] ?? ''}`)
    const known = new Set([...Object.keys(ERROR_CODES), ...families, 'title', 'retry', 'code', 'other'])
    // Codes of the page itself stand in its scripts.
    const codes = keys.filter((key) => key.startsWith('error.')).map((key) => key.slice('error.'.length))
    expect(codes.filter((code) => !known.has(code) && !scripts.includes(`'${code}'`))).toEqual([])
  })

  it('about failures say more than that something happened, whatever the server answers to somebody who waits or signs', () => {
    const t = (key: string): string => key
    const told = Object.keys(ERROR_CODES).filter((code) => /^(?:unavailable|proof|limited|too_large|auth|e2ee|invalid)\./.test(code))
    expect(told.filter((code) => errorText({ t }, code) === 'error.other')).toEqual([])
    expect([errorText({ t }, 'limited.blobs'), errorText({ t }, 'unavailable.bus'), errorText({ t }, 'no.such_code')]).toEqual(['error.limited.blobs', 'error.family.unavailable', 'error.other'])
  })
})
