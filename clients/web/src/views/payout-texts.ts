import type { Withdrawal } from '@evegram/sdk'
import { en, type TextKey } from '../i18n/en.js'

/** What a withdrawal goes through as people see it, in its order. */
export const PAYOUT_STAGES = ['asked', 'reserved', 'sent', 'confirmed', 'paid'] as const

/** One of them. */
export type PayoutStage = (typeof PAYOUT_STAGES)[number]

/** Of each state of docs/payouts.md the stage that was reached; those that are missing reached none. */
const STAGE_OF: Readonly<Record<string, PayoutStage>> = {
  requested: 'asked', awaiting_approval: 'asked', held: 'asked', reserving: 'asked', reserved: 'reserved', expired: 'reserved', signed: 'sent', broadcast: 'sent', confirmed: 'confirmed', settling: 'confirmed', paid: 'paid',
}

/** How far a withdrawal came; undefined where it does not go on by itself: refused, failed, or a person must look. */
export function stageOf({ state }: Pick<Withdrawal, 'state'>): PayoutStage | undefined {
  return Object.hasOwn(STAGE_OF, state) ? STAGE_OF[state] : undefined
}

/** What a state means for who asked. */
export function stateText({ state }: Pick<Withdrawal, 'state'>): TextKey {
  const key = `payout.state.${state}`
  return isKey(key) ? key : 'payout.state.other'
}

/** Why something was refused or failed, by the reasons of docs/payouts.md. */
export function reasonText(reason: string): TextKey {
  const key = `payout.reason.${reason}`
  return isKey(key) ? key : 'payout.reason.other'
}

function isKey(key: string): key is TextKey {
  return Object.hasOwn(en, key)
}
