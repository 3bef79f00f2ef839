/** Numbers with which the bodies of messages begin: TEP-74, and a comment. */
export const OPERATIONS = {
  comment: 0,
  transfer: 0x0f8a7ea5,
  internalTransfer: 0x178d4519,
  notification: 0x7362d09c,
  excesses: 0xd53276db,
  burn: 0x595f07bc,
  /** Of what came back: behind it stand the first 256 bits of what was sent. */
  bounced: 0xffffffff,
} as const
