import type { Message } from '@evegram/sdk'
import type { FileRef } from '@evegram/protocol'
import type { ReactElement } from 'react'
import { isInlineType } from '../files/media-kind.js'
import { FileCard } from './file-card.js'
import { Film } from './film.js'
import { Picture } from './picture.js'
import type { AttachmentProps } from './attachment-props.js'

/** Pictures that are larger are not fetched unless somebody asks for them. */
const PICTURE_BYTES_MAX = 16 * 1_048_576

/** The files of a message: pictures and films in place, everything else to be saved. `isStranger`: nothing is fetched before the person asks for it. */
export function Attachments({ message, isStranger = false }: { readonly message: Message; readonly isStranger?: boolean }): ReactElement {
  const files = message.files ?? []
  return (
    <ul className={files.length > 1 && files.every((file) => isPicture(file)) ? 'attachments is-grid' : 'attachments'}>
      {files.map((file, index) => <li key={file.blob}>{isStranger ? <FileCard message={message} index={index} file={file} /> : <Attachment message={message} index={index} file={file} />}</li>)}
    </ul>
  )
}

function Attachment(props: AttachmentProps): ReactElement {
  if (isPicture(props.file)) return <Picture {...props} />
  return isInlineType(props.file.type) && props.file.type === 'video/mp4' ? <Film {...props} /> : <FileCard {...props} />
}

function isPicture({ type, size }: FileRef): boolean {
  return isInlineType(type) && type !== 'video/mp4' && size <= PICTURE_BYTES_MAX
}
