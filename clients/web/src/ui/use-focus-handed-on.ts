import { useLayoutEffect, useRef, type RefObject } from 'react'

/** For something that goes by itself: had it the focus, the element of the page that `to` selects has it then, so that keys go on where the person was. */
export function useFocusHandedOn<Element extends HTMLElement>(to: string): RefObject<Element | null> {
  const ref = useRef<Element>(null)
  useLayoutEffect(() => {
    const { current } = ref
    return () => { if (current?.contains(globalThis.document.activeElement) === true) globalThis.document.querySelector<HTMLElement>(to)?.focus() }
  }, [to])
  return ref
}
