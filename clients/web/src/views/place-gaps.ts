import type { ConversationGap, Message } from '@evegram/sdk'

/** One line about what is missing at a place. */
export interface GapLine {
  readonly reason: ConversationGap['reason']
  /** Whose messages they are; absent where nobody knows. */
  readonly account?: string
  /** How many of them; absent where nobody knows. */
  readonly count?: number
}

/** Where lines about missing messages stand in the part of a conversation that is in memory. */
export interface PlacedGaps {
  /** Above the message with this id. */
  readonly above: ReadonlyMap<string, readonly GapLine[]>
  /** Above all of them: of these nothing is known of their place. */
  readonly first: readonly GapLine[]
  /** Below the newest. */
  readonly last: readonly GapLine[]
  /** Something was said before this device was there: that is one line for the whole conversation, at its beginning. */
  readonly beforeDevice: boolean
}

/** The part of a conversation that is in memory. */
export interface GapWindow {
  readonly messages: readonly Pick<Message, 'messageId' | 'sentAtMs'>[]
  readonly hasOlder: boolean
  readonly hasNewer: boolean
}

/** Finds the place of each gap: beside the message that stands next to it. What stands elsewhere in the conversation is left out; several devices of one person at one place are one line. */
export function placeGaps({ messages, hasOlder, hasNewer }: GapWindow, gaps: readonly ConversationGap[]): PlacedGaps {
  const above = new Map<string, GapLine[]>()
  const first: GapLine[] = []
  const last: GapLine[] = []
  const indexOf = new Map(messages.map(({ messageId }, at) => [messageId as string, at]))
  const putAbove = (at: number, line: GapLine): void => {
    const next = messages[at]?.messageId
    if (next === undefined) {
      if (!hasNewer) add(last, line)
      return
    }
    const lines = above.get(next) ?? []
    above.set(next, lines)
    add(lines, line)
  }
  for (const gap of gaps) {
    if (gap.kind === 'time') {
      const at = messages.findIndex(({ sentAtMs }) => sentAtMs >= gap.sinceMs)
      // What began later misses nothing of that time.
      if (at > 0 || (at === -1 && messages.length > 0)) putAbove(at === -1 ? messages.length : at, { reason: gap.reason })
      continue
    }
    if (gap.reason === 'before_you_joined') continue
    const line: GapLine = { reason: gap.reason, account: gap.account, count: gap.to - gap.from + 1 }
    const [before, behind] = [indexOf.get(gap.before ?? ''), indexOf.get(gap.behind ?? '')]
    if (before !== undefined) putAbove(before, line)
    else if (behind !== undefined) putAbove(behind + 1, line)
    else if (gap.before === undefined && gap.behind === undefined && !hasOlder) add(first, line)
  }
  return { above, first, last, beforeDevice: gaps.some(({ reason }) => reason === 'before_you_joined') }
}

function add(lines: GapLine[], line: GapLine): void {
  const at = lines.findIndex(({ reason, account }) => reason === line.reason && account === line.account)
  const known = lines[at]
  if (known === undefined) lines.push(line)
  else if (known.count !== undefined && line.count !== undefined) lines[at] = { ...known, count: known.count + line.count }
}
