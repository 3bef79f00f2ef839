/** Numbers with which the bodies of messages begin: TEP-74, and a comment. */
export const OPERATIONS = {
  comment: 0,
  transfer: 0x0f8a7ea5,
  internalTransfer: 0x178d4519,
  notification: 0x7362d09c,
  excesses: 0xd53276db,
  burn: 0x595f07bc,
  burnNotification: 0x7bdd97de,
} as const
