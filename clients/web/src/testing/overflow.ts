import type { Page } from 'playwright-core'

/** What is wider than the page, or than what it scrolls in, as `what: element`: nobody should have to scroll sideways. What is cut on purpose (with an ellipsis, or a picture in its frame) is not named. */
export function overflowsOf(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const nameOf = (element: Element): string => `${element.tagName.toLowerCase()}.${[...element.classList].join('.')} “${(element.textContent).trim().slice(0, 30)}”`
    const isCut = (element: Element): boolean => {
      for (let around: Element | null = element; around !== null; around = around.parentElement) if (['hidden', 'clip'].includes(getComputedStyle(around).overflowX)) return true
      return false
    }
    const found: string[] = []
    const width = document.documentElement.clientWidth
    for (const element of document.querySelectorAll('body *')) {
      const { left, right, width: own, height } = element.getBoundingClientRect()
      if (own === 0 || height === 0) continue
      const { overflowX, textOverflow } = getComputedStyle(element)
      if ((left < -1 || right > width + 1) && !isCut(element)) found.push(`outside: ${nameOf(element)}`)
      const holdsTooMuch = element.scrollWidth > element.clientWidth + 1
      if (holdsTooMuch && (overflowX === 'auto' || overflowX === 'scroll')) found.push(`scrolls sideways: ${nameOf(element)}`)
      // Text that is cut and does not say so.
      if (holdsTooMuch && overflowX === 'hidden' && textOverflow !== 'ellipsis' && !element.matches('.only-heard, .picture, .progress, progress')) found.push(`cut: ${nameOf(element)}`)
    }
    if (document.documentElement.scrollWidth > width + 1) found.push('the page scrolls sideways')
    return found
  })
}
