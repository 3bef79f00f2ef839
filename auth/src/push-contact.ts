import { z } from 'zod'

/** How push services reach the operator (RFC 8292 section 2.1): a `mailto:` or an `https:` address, as settings write it. */
export const pushContact = z.string().max(200, 'at most 200 characters')
  .regex(/^(mailto:[^\s@,;<>"]+@[^\s@,;<>"]+\.[^\s@,;<>"]+|https:\/\/[^\s<>"]+)$/, 'a mailto: or https:// address')
