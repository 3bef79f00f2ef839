import { parseAccountId, parseDeviceId } from '@evegram/protocol'
import { z } from 'zod'

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
    const decoded = Buffer.from(text, 'base64url')
    if (decoded.length >= bytesMin && decoded.length <= bytesMax && decoded.toString('base64url') === text) return Uint8Array.from(decoded)
    context.addIssue({ code: 'custom', message: `canonical base64url of ${size} bytes` })
    return z.NEVER
  })
}

/** Bytes in an answer. */
export const bytesAnswer = z.string().describe('base64url without padding')
/** A time in an answer. */
export const timeAnswer = z.number().describe('milliseconds since 1970')

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
/** Marks a route as one for operators. */
export const FOR_OPERATORS = [{ operator: [] }] as const
