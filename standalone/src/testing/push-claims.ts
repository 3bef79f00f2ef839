import { createPublicKey, verify } from 'node:crypto'
import type { GotPush } from '@evegram/platform/testing'

/** The claims of a push (VAPID, RFC 8292). Throws unless `key`, which discovery names, signed them. Nothing of the product is used to check it. */
export function claimsOf(push: GotPush, key: string): Readonly<Record<string, unknown>> {
  const [, token = '', named = ''] = /^vapid t=([^,]+), k=(\S+)$/.exec(push.headers.authorization ?? '') ?? []
  const [header = '', claims = '', signature = ''] = token.split('.')
  const point = Buffer.from(key, 'base64url')
  const publicKey = createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') } })
  const isSigned = verify('sha256', Buffer.from(`${header}.${claims}`), { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))
  if (named !== key || !isSigned) throw new Error('the push is not of this server')
  return JSON.parse(Buffer.from(claims, 'base64url').toString()) as Readonly<Record<string, unknown>>
}
