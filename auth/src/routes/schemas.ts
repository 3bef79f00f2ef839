import { parseAccountId, parseDeviceId } from '@evegram/protocol'
import { PURPOSES } from '@evegram/protocol/proof'
import { z } from 'zod'
import { base64urlOf } from '../key-thumbprint.js'

const hexId = (what: string) => z.string().regex(
  /^[0-9a-f]{32}$/, '32 lower-case hexadecimal digits',
).describe(`${what}, 32 lower-case hexadecimal digits`)

/** An account id. */
export const accountField = hexId('account id').transform(parseAccountId)
/** A device id. */
export const deviceField = hexId('device id').transform(parseDeviceId)

/** Bytes as canonical base64url without padding: between `bytesMin` and `bytesMax` of them. */
export function bytesField(bytesMin: number, bytesMax: number = bytesMin) {
  const size = bytesMin === bytesMax ? String(bytesMin) : `${String(bytesMin)} to ${String(bytesMax)}`
  return z.string().max(Math.ceil((bytesMax * 4) / 3)).describe(`base64url without padding of ${size} bytes`).transform((text, context) => {
    const bytes = Uint8Array.from(Buffer.from(text, 'base64url'))
    if (bytes.length >= bytesMin && bytes.length <= bytesMax && base64urlOf(bytes) === text) return bytes
    context.addIssue({ code: 'custom', message: `canonical base64url of ${size} bytes` })
    return z.NEVER
  })
}

/** Bytes in an answer. */
export const bytesAnswer = z.string().describe('base64url without padding')
/** A time in an answer. */
export const timeAnswer = z.number().describe('milliseconds since 1970')

const purposes = [...Object.keys(PURPOSES), 'session'] as const

/** What a challenge is for. */
export const purposeField = z.enum(purposes).transform((text) => {
  // The enumeration above is made of the keys of PURPOSES and `session`.
  return text as keyof typeof PURPOSES | 'session'
})

/** Every refusal and failure. */
export const errorAnswer = z.object({
  error: z.object({
    code: z.string().describe('dotted, stable across versions'),
    message: z.string().describe('what to do next'),
    retryAfterMs: z.number().optional(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
}).describe('Refused or failed')

/** `answer` under `status`, and the error shape for everything else. */
export function responses<Answer extends z.ZodType>(status: number, answer: Answer): Record<string, z.ZodType> {
  return { [String(status)]: answer, '4XX': errorAnswer, '5XX': errorAnswer }
}

/** Marks a route as one for signed-in devices. */
export const SIGNED_IN = [{ dpop: [] }] as const
