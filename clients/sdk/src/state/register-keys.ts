import { LIMITS, utf8, type AccountId, type CborValue, type ConversationId, type MessageId } from '@evegram/protocol'

/** What the user decided about an account. `none` is not kept: a register that was taken back says it. */
export type Relation = 'accepted' | 'blocked'

/** Value of a setting. */
export type SettingValue = boolean | string | number

/** What the registers of each family hold, by the name that stands before the slash of their keys. */
export interface StateFamilies {
  /** The name that the user gave to an account. */
  'contact.name': { readonly id: AccountId; readonly value: string }
  'contact.relation': { readonly id: AccountId; readonly value: Relation }
  /** What the user decided about a group that a stranger added them to. */
  'conversation.relation': { readonly id: ConversationId; readonly value: Relation }
  /** The user declined what a stranger wrote in a direct conversation, up to this order key: it is shown on no own device. */
  'request.declined': { readonly id: ConversationId; readonly value: bigint }
  /** What the user has written and not sent. */
  'draft': { readonly id: ConversationId; readonly value: string }
  'conversation.muted': { readonly id: ConversationId; readonly value: true }
  'conversation.pinned': { readonly id: ConversationId; readonly value: true }
  'conversation.archived': { readonly id: ConversationId; readonly value: true }
  /** Names of settings: lower-case letters, digits and points. */
  'setting': { readonly id: string; readonly value: SettingValue }
  /** Messages that the user removed for himself. */
  'hidden': { readonly id: MessageId; readonly value: true }
}

/** Name of a family in which the last writer wins. */
export type StateFamily = keyof StateFamilies

/** How one family is read, and how many registers of it this version makes. */
export interface FamilyRules<Family extends StateFamily> {
  /** The value as the family knows it; undefined for anything else, which then counts as not set: a newer version may write more. */
  read(value: CborValue): StateFamilies[Family]['value'] | undefined
  /** Of writes that did not know of each other the highest value counts, and not the latest: what was declined on either of two devices stays declined. */
  readonly highestCounts?: true
  /** Registers of the family, those that were taken back included. Past it `limited.state`; what other devices made is taken nevertheless. */
  readonly registersMax: number
}

/** Longest name of a contact, in UTF-8 bytes. */
export const CONTACT_NAME_BYTES_MAX = 256
/** Longest text of a setting, in UTF-16 units. */
const SETTING_TEXT_MAX = 256
/** Order keys are below it. */
const ORDER_END = 2n ** 64n

const isSet = (value: CborValue): true | undefined => (value === true ? true : undefined)
const orderOf = (value: CborValue): bigint | undefined => {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : undefined
  return typeof value === 'bigint' && value >= 0n && value < ORDER_END ? value : undefined
}
const textWithin = (bytesMax: number) => (value: CborValue): string | undefined =>
  (typeof value === 'string' && value !== '' && utf8(value).length <= bytesMax ? value : undefined)

/** The rules of every family. */
export const STATE_FAMILIES: { readonly [Family in StateFamily]: FamilyRules<Family> } = {
  'contact.name': { read: textWithin(CONTACT_NAME_BYTES_MAX), registersMax: 10_000 },
  'contact.relation': { read: (value) => (value === 'accepted' || value === 'blocked' ? value : undefined), registersMax: 10_000 },
  'conversation.relation': { read: (value) => (value === 'accepted' || value === 'blocked' ? value : undefined), registersMax: 10_000 },
  'request.declined': { read: orderOf, highestCounts: true, registersMax: 10_000 },
  'draft': { read: textWithin(LIMITS.textBytesMax), registersMax: 10_000 },
  'conversation.muted': { read: isSet, registersMax: 10_000 },
  'conversation.pinned': { read: isSet, registersMax: 10_000 },
  'conversation.archived': { read: isSet, registersMax: 10_000 },
  'setting': {
    read: (value) => (typeof value === 'boolean' || typeof value === 'number' || (typeof value === 'string' && value.length <= SETTING_TEXT_MAX) ? value : undefined),
    registersMax: 256,
  },
  'hidden': { read: isSet, registersMax: 20_000 },
}

/** Family of the registers that say how far conversations were read; their ids are those of conversations. */
export const READ_FAMILY = 'read'
/** Conversations of which a profile keeps how far they were read. */
export const READ_REGISTERS_MAX = 10_000
/** Registers of all families, whoever made them: past it what other devices make anew is refused, and told as `limited.state`. */
export const STATE_REGISTERS_MAX = 131_072
