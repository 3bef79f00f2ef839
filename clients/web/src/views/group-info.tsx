import type { Group, Member } from '@evegram/sdk'
import { storesOf, useClient, useContactNames } from '@evegram/sdk/react'
import { useCallback, useEffect, useState, type FormEvent, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { goTo } from '../route.js'
import { lettersOf, shortAddress } from '../ui/address.js'
import { Avatar } from '../ui/avatar.js'
import { ConfirmButton } from '../ui/confirm-button.js'
import { Failure, Loading, useAction } from '../ui/feedback.js'
import { Panel, Section } from '../ui/panel.js'
import { useLoaded } from '../ui/use-loaded.js'
import { FlagsSection } from './flags-section.js'
import { Field } from './new-views.js'
import { TimerChoice } from './timer-choice.js'

const ROLES = ['owner', 'admin', 'member'] as const

interface Facts {
  readonly group: Group
  readonly name: string
  readonly members: readonly Member[]
}

/** The members of a group, and what this account may change. */
export function GroupInfo({ id }: { readonly id: string }): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const { now, again } = useLoaded(useCallback(async (): Promise<Facts> => {
    const group = await client.group(id)
    return { group, name: await group.name(), members: await group.members() }
  }, [client, id]))
  useEffect(() => client.on('group-changed', ({ conversation }) => { if (conversation === id) again() }), [client, id, again])
  const title = now.status === 'ready' && now.value.name !== '' ? now.value.name : t('chats.unnamed.group')
  return (
    <Panel title={title} back={{ view: 'conversation', id }}>
      {now.status === 'loading' ? <Loading /> : now.status === 'failed' ? <Failure code={now.code} retry={again} /> : <Members facts={now.value} again={again} />}
    </Panel>
  )
}

function Members({ facts: { group, name, members }, again }: { readonly facts: Facts; readonly again: () => void }): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const { busy, code, run } = useAction()
  const names = useContactNames()
  const calledOf = ({ account, address }: Member): string => names.get(account) ?? shortAddress(address)
  const mine = members.find(({ account }) => account === client.account)?.role
  const mayManage = mine === 'owner' || mine === 'admin'
  const change = (action: () => Promise<void>): void => {
    run(async () => {
      await action()
      await storesOf(client).conversations.refresh()
      again()
    })
  }
  return (
    <>
      {code === undefined ? null : <Failure code={code} />}
      <Section title={t('group.members', { count: members.length })}>
        <ul className="people">
          {members.map((member) => (
            <li key={member.account}>
              <Avatar id={member.account} label={names.get(member.account) ?? lettersOf(member.address)} />
              <span className="person-name" title={member.address} dir="auto">{calledOf(member)}{member.account === client.account ? ` (${t('group.you')})` : ''}</span>
              {mine === 'owner' && member.account !== client.account ? (
                <select aria-label={t('group.role.of', { name: calledOf(member) })} value={member.role} disabled={busy} onChange={({ target }) => {
                  const role = ROLES.find((known) => known === target.value)
                  if (role !== undefined) change(() => group.setRole(member.account, role))
                }}>{ROLES.map((role) => <option key={role} value={role}>{t(`group.role.${role}`)}</option>)}</select>
              ) : <span className="soft small">{t(`group.role.${member.role}`)}</span>}
              {mayManage && member.account !== client.account && member.role !== 'owner' ? (
                <button type="button" className="button quiet danger" disabled={busy} aria-label={t('group.remove.of', { name: calledOf(member) })} onClick={() => { change(() => group.remove([member.account])) }}>{t('group.remove')}</button>
              ) : null}
            </li>
          ))}
        </ul>
      </Section>
      {mayManage ? <Change label={t('group.add')} action={t('group.addAction')} busy={busy} initial="" perform={(address) => { change(() => group.add([address])) }} /> : null}
      {mayManage ? <Change key={name} label={t('new.name')} action={t('group.rename')} busy={busy} initial={name} perform={(next) => { change(() => group.rename(next)) }} /> : null}
      <FlagsSection conversation={group} />
      {mine === undefined ? null : <TimerChoice conversation={group} />}
      {mine === undefined ? null : <ConfirmButton label={t('group.leave')} question={t('group.leave.sure')} disabled={busy} onConfirm={() => { change(async () => { await group.leave(); goTo({ view: 'list' }) }) }} />}
    </>
  )
}

function Change({ label, action, busy, initial, perform }: { readonly label: string; readonly action: string; readonly busy: boolean; readonly initial: string; readonly perform: (text: string) => void }): ReactElement {
  const [text, setText] = useState(initial)
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (text.trim() !== '') perform(text.trim())
  }
  return (
    <form className="form inline" onSubmit={submit}>
      <Field label={label}>{(id) => <input id={id} value={text} onChange={(event) => { setText(event.target.value) }} dir="auto" autoComplete="off" />}</Field>
      <button type="submit" className="button" disabled={busy || text.trim() === '' || text === initial}>{action}</button>
    </form>
  )
}
