import type { PayloadBodyCodec } from './payload-body-codec.js'

/** Nothing. */
export type VoidBody = Readonly<Record<string, never>>

/** Body of `void`. */
export const voidBody: PayloadBodyCodec<VoidBody> = { fields: () => ({}), read: () => ({}) }
