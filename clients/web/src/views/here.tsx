import { systemClock } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useEffect } from 'react'
import { useVisible } from '../use-visible.js'

/** What a person does is said again at most this often: it holds for minutes. */
const SAID_MS = 60_000

/** Says that the person is at this page while they use it, and that they are not when it goes out of sight. Who is told is a setting of the account. */
export function Here(): null {
  const client = useClient()
  const isVisible = useVisible()
  useEffect(() => {
    const say = (isHere: boolean): void => {
      // A hint of the moment: what is not told now is told at the next key.
      client.presence.here(isHere).catch(() => undefined)
    }
    if (!isVisible) {
      say(false)
      return undefined
    }
    let saidAtMs = -SAID_MS
    const act = (): void => {
      const nowMs = systemClock.monotonicMs()
      if (nowMs - saidAtMs < SAID_MS) return
      saidAtMs = nowMs
      say(true)
    }
    act()
    for (const type of ['pointerdown', 'keydown', 'wheel'] as const) globalThis.addEventListener(type, act, { passive: true })
    return () => { for (const type of ['pointerdown', 'keydown', 'wheel'] as const) globalThis.removeEventListener(type, act) }
  }, [client, isVisible])
  return null
}
