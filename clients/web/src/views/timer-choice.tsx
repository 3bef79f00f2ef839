import type { Conversation, Group } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useCallback, useEffect, type ReactElement } from 'react'
import type { TextKey } from '../i18n/en.js'
import { useTexts } from '../i18n/texts.js'
import { Failure, useAction } from '../ui/feedback.js'
import { Section } from '../ui/panel.js'
import { useLoaded } from '../ui/use-loaded.js'

const CHOICES: readonly (readonly [seconds: number, key: TextKey])[] = [[0, 'timer.off'], [3_600, 'timer.hour'], [86_400, 'timer.day'], [604_800, 'timer.week'], [2_592_000, 'timer.month']]

/** For how long new messages of a conversation stay. */
export function TimerChoice({ conversation }: { readonly conversation: Pick<Conversation | Group, 'id' | 'timer' | 'setTimer'> }): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const { now, again } = useLoaded(useCallback(() => conversation.timer(), [conversation]))
  const { busy, code, run } = useAction()
  useEffect(() => client.on('timer-changed', (event) => { if (event.conversation === conversation.id) again() }), [client, conversation.id, again])
  const seconds = now.status === 'ready' ? now.value : 0
  const choose = (next: number): void => {
    run(async () => {
      await conversation.setTimer(next)
      again()
    })
  }
  return (
    <Section title={t('timer.title')} hint={t('timer.hint')}>
      {code === undefined ? null : <Failure code={code} />}
      <fieldset className="choice" disabled={busy}>
        <legend className="only-heard">{t('timer.title')}</legend>
        {CHOICES.map(([value, key]) => <label key={value}><input type="radio" name="timer" checked={seconds === value} onChange={() => { choose(value) }} /><span>{t(key)}</span></label>)}
      </fieldset>
    </Section>
  )
}
