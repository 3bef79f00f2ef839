import { useEffect, useState, type RefObject } from 'react'

/** How far outside of what is seen something counts as near, in px. */
const NEAR_PX = 900

/** Whether an element is in sight, or soon will be. */
export function useNear(element: RefObject<HTMLElement | null>): boolean {
  const [isNear, setIsNear] = useState(false)
  useEffect(() => {
    const { current } = element
    if (current === null) return undefined
    const watcher = new IntersectionObserver((entries) => { setIsNear(entries.at(-1)?.isIntersecting === true) }, { root: current.closest('.messages'), rootMargin: `${String(NEAR_PX)}px 0px` })
    watcher.observe(current)
    return () => { watcher.disconnect() }
  }, [element])
  return isNear
}
