import { PURPOSES } from '@evegram/protocol/proof'
import { z } from 'zod'

export { accountField, bytesAnswer, bytesField, deviceField, responses, SIGNED_IN, timeAnswer } from '@evegram/platform'

const purposes = [...Object.keys(PURPOSES), 'session'] as const

/** What a challenge is for. */
export const purposeField = z.enum(purposes).transform((text) => {
  // The enumeration above is made of the keys of PURPOSES and `session`.
  return text as keyof typeof PURPOSES | 'session'
})
