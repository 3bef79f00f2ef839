import { LIMITS } from '@evegram/protocol'
import { mayHoldDetails } from '@evegram/sdk/details'
import { useCallback, useEffect, useRef, useState, type ReactElement, type RefObject } from 'react'
import { chooseFiles, type RefusedReason } from '../files/chosen-files.js'
import { safeFileName, shortenedName } from '../files/file-name.js'
import { useTexts } from '../i18n/texts.js'
import { Icon } from '../ui/icon.js'

const NAME_SHOWN = 28

/** Files that will go with the next message. */
export interface Attaching {
  readonly files: readonly File[]
  readonly refused: readonly { readonly name: string; readonly reason: RefusedReason }[]
  /** Photos and films go as they are, with what they say of where, when and by what they were made. */
  readonly unchanged: boolean
  readonly setUnchanged: (unchanged: boolean) => void
  readonly add: (files: readonly File[]) => void
  readonly remove: (file: File) => void
  readonly clear: () => void
}

/** The files that are chosen in a composer. */
export function useAttaching(): Attaching {
  const [chosen, setChosen] = useState<{ readonly files: readonly File[]; readonly refused: Attaching['refused'] }>({ files: [], refused: [] })
  const [unchanged, setUnchanged] = useState(false)
  // The same function all along: what listens for drops would begin anew with each other one.
  const add = useCallback((files: readonly File[]) => { setChosen((before) => chooseFiles(before.files, files)) }, [])
  return {
    ...chosen, add, unchanged, setUnchanged,
    remove: (file) => { setChosen(({ files }) => ({ files: files.filter((one) => one !== file), refused: [] })) },
    clear: () => {
      setChosen({ files: [], refused: [] })
      // Decided for each message: nobody gives their place away because they did so once.
      setUnchanged(false)
    },
  }
}

/** The button that opens the files of this device. */
export function AttachButton({ attaching }: { readonly attaching: Attaching }): ReactElement {
  const { t, sizeText } = useTexts()
  const input = useRef<HTMLInputElement>(null)
  const label = t('file.attach', { count: LIMITS.filesPerMessageMax, size: sizeText(LIMITS.fileBytesMax) })
  return (
    <>
      <button type="button" className="icon-button attach" aria-label={label} title={label} onClick={() => { input.current?.click() }}><Icon name="clip" /></button>
      <input ref={input} type="file" multiple hidden aria-label={label} onChange={({ target }) => {
        attaching.add([...(target.files ?? [])])
        // The same file once more is a change, too.
        target.value = ''
      }} />
    </>
  )
}

/** The files that will go with the next message, each with the way out, and those that cannot be sent, with the reason. */
export function ChosenFiles({ attaching: { files, refused, remove, unchanged, setUnchanged } }: { readonly attaching: Attaching }): ReactElement | null {
  const { t, sizeText } = useTexts()
  if (files.length === 0 && refused.length === 0) return null
  return (
    <div className="chosen">
      <ul aria-label={t('file.chosen')}>
        {files.map((file, at) => {
          const name = safeFileName(file.name)
          return (
            <li key={`${String(at)} ${file.name}`} className="chosen-file">
              <Icon name="file" /><bdi title={name}>{shortenedName(name, NAME_SHOWN)}</bdi><span className="soft small">{sizeText(file.size)}</span>
              <button type="button" className="icon-button" aria-label={t('file.remove', { name })} onClick={() => { remove(file) }}><Icon name="close" /></button>
            </li>
          )
        })}
      </ul>
      {files.some(mayHoldDetails) ? (
        <label className="switch photo-details">
          <span><span>{t('photo.unchanged')}</span><span className="soft small">{t(unchanged ? 'photo.unchanged.on' : 'photo.unchanged.off')}</span></span>
          <input type="checkbox" role="switch" checked={unchanged} onChange={({ target }) => { setUnchanged(target.checked) }} />
        </label>
      ) : null}
      {refused.map(({ name, reason }, at) => <p key={`${String(at)} ${name}`} className="file-failure small" role="alert">{t(`file.refused.${reason}`, { name: safeFileName(name), size: sizeText(LIMITS.fileBytesMax), count: LIMITS.filesPerMessageMax })}</p>)}
    </div>
  )
}

/** Keeps files that are dropped where nobody takes them from replacing the page. */
export function useNoStrayDrops(): void {
  useEffect(() => {
    const refuse = (event: DragEvent): void => {
      if (event.defaultPrevented || event.dataTransfer?.types.includes('Files') !== true) return
      event.preventDefault()
      event.dataTransfer.dropEffect = 'none'
    }
    for (const type of ['dragover', 'drop'] as const) globalThis.addEventListener(type, refuse)
    return () => { for (const type of ['dragover', 'drop'] as const) globalThis.removeEventListener(type, refuse) }
  }, [])
}

/** Whether files are being dragged over an element; what is dropped there is given to `take`. */
export function useDrop(element: RefObject<HTMLElement | null>, take: ((files: readonly File[]) => void) | undefined): boolean {
  const [isOver, setIsOver] = useState(false)
  useEffect(() => {
    const { current } = element
    if (current === null || take === undefined) return undefined
    let depth = 0
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') === true
    const moved = (by: number) => (event: DragEvent): void => {
      if (!hasFiles(event)) return
      depth = Math.max(0, depth + by)
      setIsOver(depth > 0)
    }
    const [onEnter, onLeave] = [moved(1), moved(-1)]
    // Said here that it is taken: see useNoStrayDrops.
    const onOver = (event: DragEvent): void => { if (hasFiles(event)) event.preventDefault() }
    const onDrop = (event: DragEvent): void => {
      if (!hasFiles(event)) return
      event.preventDefault()
      depth = 0
      setIsOver(false)
      take([...(event.dataTransfer?.files ?? [])])
    }
    current.addEventListener('dragenter', onEnter)
    current.addEventListener('dragleave', onLeave)
    current.addEventListener('dragover', onOver)
    current.addEventListener('drop', onDrop)
    return () => {
      current.removeEventListener('dragenter', onEnter)
      current.removeEventListener('dragleave', onLeave)
      current.removeEventListener('dragover', onOver)
      current.removeEventListener('drop', onDrop)
    }
  }, [element, take])
  return isOver
}
