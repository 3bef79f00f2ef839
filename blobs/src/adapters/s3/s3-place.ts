import { EvegramError } from '@evegram/protocol'

/** Where blobs are kept in a store that speaks S3, and who asks. */
export interface S3Place {
  /** `http(s)://host[:port]/<bucket>[/<prefix>]`. */
  readonly url: string
  /** Region that requests are signed for. */
  readonly region: string
  /** Without keys those of the environment are looked for, as all programs that speak S3 do. */
  readonly keys: { readonly access: string; readonly secret: string } | undefined
}

/** The parts of a place. */
export interface S3Address {
  readonly endpoint: string
  readonly bucket: string
  /** What every name begins with: empty, or ends with `/`. */
  readonly prefix: string
}

/** Bucket names as S3 allows them. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
const PREFIX = /^(?:[A-Za-z0-9_-]{1,64}\/){0,4}$/

/** Takes the address of a place apart. Throws `invalid.config`, which repeats nothing of the address: it may hold keys by mistake. */
export function s3AddressOf(url: string): S3Address {
  const address = URL.canParse(url) ? new URL(url) : undefined
  const [, bucket = '', ...folders] = address?.pathname.replace(/\/$/, '').split('/') ?? []
  const prefix = folders.map((folder) => `${folder}/`).join('')
  const isPlain = address !== undefined && /^https?:$/.test(address.protocol) && address.username === '' && address.password === '' && address.search === '' && address.hash === ''
  if (!isPlain || !BUCKET.test(bucket) || !PREFIX.test(prefix)) {
    throw new EvegramError('invalid.config', { operation: 'read address of bucket', advice: 'Write the bucket as https://<host>/<bucket> or https://<host>/<bucket>/<prefix>, without keys in it.' })
  }
  return { endpoint: address.origin, bucket, prefix }
}
