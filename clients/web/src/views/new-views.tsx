import { storesOf, useClient } from '@evegram/sdk/react'
import { useId, useState, type FormEvent, type ReactElement, type ReactNode } from 'react'
import { useTexts } from '../i18n/texts.js'
import { goTo, hrefOf } from '../route.js'
import { CopyButton, Failure, useAction } from '../ui/feedback.js'
import { Icon, type IconName } from '../ui/icon.js'
import { Panel, Section } from '../ui/panel.js'
import { QrCode } from '../ui/qr-code.js'

/** Begins a conversation by address, and leads to groups and channels. */
export function NewConversationView(): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const [address, setAddress] = useState('')
  const open = useOpening()
  return (
    <Panel title={t('new.title')}>
      <Form action={open} label={t('new.chat')} isReady={address.trim() !== ''} perform={async () => (await client.conversation(address.trim())).id}>
        <Field label={t('new.address')} hint={t('new.address.hint')}>
          {(id, hint) => <input id={id} aria-describedby={hint} value={address} onChange={(event) => { setAddress(event.target.value) }} autoComplete="off" spellCheck={false} required />}
        </Field>
      </Form>
      <div className="cards">
        <Card href={hrefOf({ view: 'new-group' })} icon="group" title={t('new.group')} text={t('new.group.lead')} />
        <Card href={hrefOf({ view: 'new-channel' })} icon="channel" title={t('new.channel')} text={t('new.channel.lead')} />
        <Card href={hrefOf({ view: 'follow' })} icon="search" title={t('new.follow')} text={t('new.follow.lead')} />
      </div>
      <Section title={t('new.yours')} hint={t('new.yours.hint')}>
        <div className="own-address"><QrCode text={client.address} label={t('new.yours')} /><code className="address">{client.address}</code><CopyButton text={client.address} /></div>
      </Section>
    </Panel>
  )
}

/** Founds a group. */
export function NewGroupView(): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const [name, setName] = useState('')
  const [members, setMembers] = useState('')
  const open = useOpening()
  return (
    <Panel title={t('new.group')} back={{ view: 'new' }}>
      <Form action={open} label={t('new.create')} isReady={name.trim() !== ''} perform={async () => (await client.createGroup(name.trim(), linesOf(members))).id}>
        <NameField name={name} setName={setName} />
        <Field label={t('new.members')} hint={t('new.members.hint')}>
          {(id, hint) => <textarea id={id} aria-describedby={hint} rows={5} value={members} onChange={(event) => { setMembers(event.target.value) }} spellCheck={false} />}
        </Field>
      </Form>
    </Panel>
  )
}

/** Founds a channel, or follows one by its link. */
export function NewChannelView({ follows }: { readonly follows: boolean }): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const [text, setText] = useState('')
  const open = useOpening()
  const perform = async (): Promise<string> => (follows ? await client.followChannel(text.trim()) : await client.createChannel({ name: text.trim() })).id
  return (
    <Panel title={t(follows ? 'new.follow' : 'new.channel')} back={{ view: 'new' }}>
      <p className="soft">{t(follows ? 'new.follow.lead' : 'new.channel.lead')}</p>
      <Form action={open} label={t(follows ? 'new.follow.action' : 'new.create')} isReady={text.trim() !== ''} perform={perform}>
        {follows
          ? <Field label={t('new.follow.link')}>{(id) => <textarea id={id} rows={3} value={text} onChange={(event) => { setText(event.target.value) }} spellCheck={false} />}</Field>
          : <NameField name={text} setName={setText} />}
      </Form>
    </Panel>
  )
}

/** Opens what an action made: it is in the list before it is shown. */
function useOpening(): ReturnType<typeof useAction> & { readonly open: (find: () => Promise<string>) => void } {
  const client = useClient()
  const action = useAction()
  return {
    ...action,
    open: (find) => {
      action.run(async () => {
        const id = await find()
        await storesOf(client).conversations.refresh()
        goTo({ view: 'conversation', id })
      })
    },
  }
}

function Form({ action, label, isReady, perform, children }: {
  readonly action: ReturnType<typeof useOpening>
  readonly label: string
  readonly isReady: boolean
  readonly perform: () => Promise<string>
  readonly children: ReactNode
}): ReactElement {
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    action.open(perform)
  }
  return (
    <form className="form" onSubmit={submit}>
      {children}
      {action.code === undefined ? null : <Failure code={action.code} />}
      <button type="submit" className="button primary" disabled={!isReady || action.busy}>{action.busy ? <span className="spinner" aria-hidden="true" /> : null}{label}</button>
    </form>
  )
}

/** A field with its name above and, where there is one, a hint below. */
export function Field({ label, hint, children }: { readonly label: string; readonly hint?: string; readonly children: (id: string, hintId: string | undefined) => ReactElement }): ReactElement {
  const id = useId()
  const hintId = hint === undefined ? undefined : `${id}-hint`
  return <div className="field"><label htmlFor={id}>{label}</label>{children(id, hintId)}{hint === undefined ? null : <p id={hintId} className="soft small">{hint}</p>}</div>
}

function NameField({ name, setName }: { readonly name: string; readonly setName: (name: string) => void }): ReactElement {
  const { t } = useTexts()
  return <Field label={t('new.name')}>{(id) => <input id={id} value={name} onChange={(event) => { setName(event.target.value) }} dir="auto" autoComplete="off" maxLength={128} required />}</Field>
}

function Card({ href, icon, title, text }: { readonly href: string; readonly icon: IconName; readonly title: string; readonly text: string }): ReactElement {
  return <a className="card" href={href}><span className="card-icon"><Icon name={icon} /></span><span><b>{title}</b><span className="soft">{text}</span></span></a>
}

function linesOf(text: string): string[] {
  return text.split(/[\s,;]+/).filter((line) => line !== '')
}
