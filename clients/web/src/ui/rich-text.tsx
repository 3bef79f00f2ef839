import type { ReactElement } from 'react'

const LINK = /(https?:\/\/[^\s<>"'`]*[^\s<>"'`.,:;!?)\]}])/g

/** A text with its web addresses as links. It stays text: nothing in it becomes part of the page. */
export function RichText({ text }: { readonly text: string }): ReactElement {
  // A pattern with one group splits into what is between matches (even places) and the matches (odd places).
  const parts = text.split(LINK)
  return <>{parts.map((part, at) => (at % 2 === 1 && URL.canParse(part) ? <a key={at} href={part} target="_blank" rel="noopener noreferrer nofollow">{part}</a> : part))}</>
}
