import { utf8 } from './bytes.js'
import { LIMITS } from './limits.js'
import type { PayloadBodyCodec } from './payload-body-codec.js'
import { readTarget, targetMap, type MessageTarget } from './payload-body-target.js'
import { readText } from './payload-body-text.js'

/** How somebody feels about a message. The last word of a person about a message counts. */
export interface ReactionBody {
  readonly target: MessageTarget
  /** One emoji (see {@link isReactionEmoji}), or '' to take back what was there. */
  readonly emoji: string
}

/** What the author of a message wants it to say instead. Counts from its author alone; of several the last by order. */
export interface EditBody {
  readonly target: MessageTarget
  /** At least one character, at most `LIMITS.textBytesMax` bytes of UTF-8. */
  readonly text: string
}

/** A message is to be gone for everybody. Counts from its author, in a group from its owners and admins as well; for good. */
export interface DeleteBody {
  readonly target: MessageTarget
}

/** From now on messages of the conversation disappear. The last word by order counts. */
export interface TimerBody {
  /** At most `LIMITS.disappearSecondsMax`; 0: they stay. */
  readonly seconds: number
}

/**
 * The shape of one emoji as UTS #51 has it (flag, keycap, or pictographs joined by U+200D, with skin tones and tags). By shape and not by list: a
 * pictograph that a later Unicode adds has it too, so devices of different age agree.
 */
const PICTOGRAPH = '\\p{Extended_Pictographic}(?:\\p{Emoji_Modifier}|\\u{FE0F})?(?:[\\u{E0020}-\\u{E007E}]+\\u{E007F})?'
const EMOJI = new RegExp(`^(?:\\p{Regional_Indicator}{2}|[0-9#*]\\u{FE0F}\\u{20E3}|${PICTOGRAPH}(?:\\u{200D}${PICTOGRAPH})*)$`, 'u')

/** Whether `text` is one emoji of at most `LIMITS.reactionBytesMax` bytes. */
export function isReactionEmoji(text: string): boolean {
  return text.length <= LIMITS.reactionBytesMax && EMOJI.test(text) && utf8(text).length <= LIMITS.reactionBytesMax
}

/** Body of `reaction`. */
export const reactionBody: PayloadBodyCodec<ReactionBody> = {
  fields: ({ target, emoji }) => ({ target: targetMap(target), emoji }),
  read: (fields) => {
    const emoji = fields.text('emoji', LIMITS.reactionBytesMax)
    if (emoji !== '' && !isReactionEmoji(emoji)) return fields.fail('emoji: one, or none')
    return { target: readTarget(fields.value('target')), emoji }
  },
}

/** Body of `edit`. Throws `too_large.payload` for a text over the limit. */
export const editBody: PayloadBodyCodec<EditBody> = {
  fields: ({ target, text }) => ({ target: targetMap(target), text }),
  read: (fields) => {
    const text = readText(fields)
    if (text === '') return fields.fail('text: a message that says nothing is deleted')
    return { target: readTarget(fields.value('target')), text }
  },
}

/** Body of `delete`. */
export const deleteBody: PayloadBodyCodec<DeleteBody> = {
  fields: ({ target }) => ({ target: targetMap(target) }),
  read: (fields) => ({ target: readTarget(fields.value('target')) }),
}

/** Body of `timer`. */
export const timerBody: PayloadBodyCodec<TimerBody> = {
  fields: ({ seconds }) => ({ seconds }),
  read: (fields) => ({ seconds: fields.uint('seconds', LIMITS.disappearSecondsMax) }),
}
