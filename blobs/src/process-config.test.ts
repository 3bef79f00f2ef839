import { readFileSync } from 'node:fs'
import { settingsTable } from '@evegram/platform/testing'
import { describe, expect, it } from 'vitest'
import { BLOBS_PROCESS_SETTINGS, printableBlobsSettings, readBlobsProcessConfig } from './process-config.js'

const operations = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
const key = Buffer.alloc(32, 1).toString('base64url')
const needed = { EVEGRAM_PUBLIC_URL: 'https://chat.example', EVEGRAM_SERVICE_KEY: key, EVEGRAM_S3_URL: 'https://s3.example/files', EVEGRAM_S3_ACCESS_KEY: 'shown-to-nobody', EVEGRAM_S3_SECRET_KEY: 'hidden' }

describe('the settings of a process of the service of files', () => {
  it('print where files are, and no key', () => {
    const printed = JSON.stringify(printableBlobsSettings(readBlobsProcessConfig(needed)))
    expect(printed).toContain('s3.example/files')
    for (const secret of [key, 'shown-to-nobody', 'hidden']) expect(printed).not.toContain(secret)
  })

  it.each([
    ['EVEGRAM_PUBLIC_URL', 'http://chat.example'], ['EVEGRAM_S3_URL', 'http://s3.example/files'], ['EVEGRAM_S3_REGION', 'Some Where'], ['EVEGRAM_AUTH_URLS', 'auth'], ['EVEGRAM_BLOBS_PER_DAY', '0'],
    // Two places, half a pair of keys, no place.
    ['EVEGRAM_BLOBS_DIR', '/var/blobs'], ['EVEGRAM_S3_SECRET_KEY', undefined], ['EVEGRAM_S3_URL', undefined],
  ])('refuse %s=%s and name the variable', (variable, value) => {
    expect(() => readBlobsProcessConfig({ ...needed, [variable]: value })).toThrowError(
      expect.objectContaining({ code: 'invalid.config', advice: expect.stringContaining(variable) as string }),
    )
  })

  it('are all in the table of docs/operations.md with their defaults, and nothing else is', () => {
    const rows = settingsTable(operations, 'blobs')
    expect([...rows.keys()].sort()).toEqual(Object.values(BLOBS_PROCESS_SETTINGS).map(({ variable }) => variable).sort())
    for (const { variable, schema } of Object.values(BLOBS_PROCESS_SETTINGS)) {
      const unset = schema.safeParse(undefined)
      const value = unset.success ? unset.data as string | number | boolean | readonly string[] | undefined : 'needed'
      // Where there is no value the table says so in words.
      if (value !== undefined && String(value) !== '') expect(rows.get(variable), variable).toBe(String(value))
    }
  })
})
