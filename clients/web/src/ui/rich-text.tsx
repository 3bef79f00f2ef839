import type { ReactElement } from 'react'
import { safeLink } from './safe-link.js'

const LINK = /(https?:\/\/[^\s<>"'`]*[^\s<>"'`.,:;!?)\]}])/g

/** A text with its web addresses as links. It stays text: nothing in it becomes part of the page. */
export function RichText({ text }: { readonly text: string }): ReactElement {
  // A pattern with one group splits into what is between matches (even places) and the matches (odd places).
  return <>{text.split(LINK).map((part, at) => (at % 2 === 1 ? <Address key={at} written={part} /> : part))}</>
}

function Address({ written }: { readonly written: string }): ReactElement {
  const link = safeLink(written)
  return link === undefined ? <>{written}</> : <a href={link.href} target="_blank" rel="noopener noreferrer nofollow">{link.text}</a>
}
