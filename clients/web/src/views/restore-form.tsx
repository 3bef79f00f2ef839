import type { BackupSecret, ImportCounts } from '@evegram/sdk'
import { storesOf, useClient } from '@evegram/sdk/react'
import { useRef, useState, type FormEvent, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { Failure, useAction } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { ProgressLine, type Progress } from '../ui/progress-line.js'
import { Field } from './new-views.js'

/** Merges a backup into this device, from the server or a file, with a recovery code or a passphrase. */
export function RestoreForm({ hasStored }: { readonly hasStored: boolean }): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const { busy, code, run } = useAction()
  const [kind, setKind] = useState<BackupSecret['kind']>('code')
  const [secret, setSecret] = useState('')
  const [place, setPlace] = useState<'server' | 'file'>(hasStored ? 'server' : 'file')
  const [hasFile, setHasFile] = useState(false)
  const [progress, setProgress] = useState<Progress>()
  const [counts, setCounts] = useState<ImportCounts>()
  const file = useRef<HTMLInputElement>(null)
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    const opens: BackupSecret = kind === 'code' ? { kind, code: secret } : { kind, passphrase: secret }
    const chosen = file.current?.files?.[0]
    setCounts(undefined)
    run(async () => {
      try {
        setCounts(place === 'file' && chosen !== undefined
          ? await client.backup.restore(chunksOf(chosen), opens, { onProgress: setProgress })
          : await client.backup.restoreStored(opens, { onProgress: setProgress }))
        setSecret('')
        await storesOf(client).conversations.refresh()
      } finally {
        setProgress(undefined)
      }
    })
  }
  return (
    <form className="form" onSubmit={submit} aria-labelledby="restore-title">
      <h2 id="restore-title">{t('restore.title')}</h2>
      <p className="soft">{t('restore.hint')}</p>
      <Choice legend={t('restore.from')} name="place" value={place} choices={[['server', t('restore.server')], ['file', t('restore.file')]]} onChange={setPlace} />
      {place === 'file' ? <Field label={t('restore.pick')}>{(id) => <input id={id} ref={file} type="file" required onChange={({ target }) => { setHasFile((target.files?.length ?? 0) > 0) }} />}</Field> : null}
      <Choice legend={t('restore.with')} name="secret" value={kind} choices={[['code', t('restore.code')], ['passphrase', t('restore.passphrase')]]} onChange={setKind} />
      <Field label={t(kind === 'code' ? 'restore.code' : 'restore.passphrase')}>
        {(id) => <input id={id} value={secret} type={kind === 'code' ? 'text' : 'password'} onChange={(event) => { setSecret(event.target.value) }} autoComplete="off" spellCheck={false} required />}
      </Field>
      {code === undefined ? null : <Failure code={code} />}
      {progress === undefined ? null : <ProgressLine progress={progress} />}
      {counts === undefined ? null : <p className="verified" role="status"><Icon name="check" />{t('restore.done', { messages: counts.messages, conversations: counts.conversations })}</p>}
      <button type="submit" className="button primary" disabled={busy || secret.trim() === '' || (place === 'file' && !hasFile)}>{t('restore.action')}</button>
    </form>
  )
}

function Choice<Value extends string>({ legend, name, value, choices, onChange }: {
  readonly legend: string
  readonly name: string
  readonly value: Value
  readonly choices: readonly (readonly [value: Value, label: string])[]
  readonly onChange: (value: Value) => void
}): ReactElement {
  return (
    <fieldset className="choice">
      <legend>{legend}</legend>
      {choices.map(([one, label]) => <label key={one}><input type="radio" name={name} checked={value === one} onChange={() => { onChange(one) }} /><span>{label}</span></label>)}
    </fieldset>
  )
}

/** Bytes of one piece of a file. */
const PIECE_BYTES = 262_144

/** A file in pieces, as it is read: of a large one not all is in memory. */
async function* chunksOf(file: Blob): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.size; at += PIECE_BYTES) yield new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer())
}
